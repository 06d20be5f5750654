"""Round trips to the database, counted on the wire: a relay in front of PostgreSQL's socket."""

import select
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class Relay:
    """Hands bytes on in both directions. A trip begins when the client speaks after the server, or first."""

    def __init__(self, folder: Path, target: Path) -> None:
        self.trips = 0
        self._target = str(target / ".s.PGSQL.5432")
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(folder / ".s.PGSQL.5432"))
        self._listening.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self._listening.accept()[0]
                threading.Thread(target=self._hand_on, args=(client,), daemon=True).start()

    def _hand_on(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX)
        with client, server, suppress(OSError):
            server.connect(self._target)
            spoke_last = server
            while True:
                for speaker in select.select((client, server), (), ())[0]:
                    said = speaker.recv(65536)
                    if not said:
                        return
                    self.trips += speaker is client and spoke_last is server
                    spoke_last = speaker
                    (server if speaker is client else client).sendall(said)


@contextmanager
def relay(target: Path) -> Iterator[tuple[Relay, Path]]:
    """Run a relay to the server whose socket is in `target`; also give the folder of its own socket."""
    with tempfile.TemporaryDirectory(prefix="assidu-relay-") as folder:
        made = Relay(Path(folder), target)
        try:
            yield made, Path(folder)
        finally:
            made.close()
