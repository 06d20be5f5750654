"""A command of `assidu` that lives no longer than the demo that started it: `python -m api.demo.child COMMAND`.

The demo holds the other end of our standard input. It writes to it once, when a web server is to open its port. However
the demo ends, be it by SIGKILL, the system closes that end.
"""

import os
import signal
import sys
import threading
import time

from api import cli
from api.demo.processes import STOP_SECONDS


def main() -> None:
    """Run the command of the command line, and end it when standard input ends."""
    told = threading.Event()
    watch = threading.Thread(target=_end_with, args=(os.dup(sys.stdin.fileno()), told), name="demo", daemon=True)
    watch.start()
    cli.main(wait=told.wait)


def _end_with(demo: int, told: threading.Event) -> None:
    while os.read(demo, 1):
        told.set()
    # As the demo would have done it: SIGTERM to the command, and after a while SIGKILL to all that it started.
    main_thread = threading.main_thread().ident
    assert main_thread is not None
    signal.pthread_kill(main_thread, signal.SIGTERM)
    time.sleep(STOP_SECONDS)
    os.killpg(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
