"""Runs the stand-in alone: `python -m notifications.stand_in --port 0 --home DIR`, until interrupted."""

import argparse
import json
import signal
import sys
from pathlib import Path

from notifications.stand_in.server import StandIn


def main() -> None:
    """Start, print one JSON line that says where everything is, and wait for SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m notifications.stand_in", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="TCP port on loopback; 0 (default): any free one")
    parser.add_argument("--home", type=Path, default=Path(".assidu/stand-in"), help="folder for its files")
    parser.add_argument("--lean", action="store_true", help="for loads: count messages instead of showing them")
    parser.add_argument("--latency-ms", type=float, default=0, help="how long each answer takes; with --lean")
    options = parser.parse_args()
    stops = {signal.SIGINT, signal.SIGTERM}
    # Blocked before threads start, so that none of them takes the signal.
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)
    with StandIn(
        options.home, port=options.port, lean=options.lean, latency_seconds=options.latency_ms / 1000
    ) as stand_in:
        settings = {
            "ASSIDU_PUSH_CHANNEL": "push",
            "ASSIDU_FIREBASE_ENDPOINT": stand_in.url,
            "ASSIDU_FIREBASE_CA_FILE": str(stand_in.ca_file),
            "ASSIDU_FIREBASE_CREDENTIALS": str(stand_in.service_account_file),
        }
        sys.stdout.write(json.dumps(settings) + "\n")
        sys.stdout.flush()
        signal.sigwait(stops)


if __name__ == "__main__":
    main()
