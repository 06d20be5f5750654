"""Cards in phones to measure on: passes with a phone each, straight into the tables, and who hears of pushes."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, sleep

import psycopg

from app import ids
from app.config import Settings
from app.db import Database
from app.services import wallet_credentials
from app.services.pass_registrations import context_of
from kit import seed
from kit.seed import Programme
from kit.stack import ROOT, Stack
from wallet.platforms.apple.authority import Authority
from wallet.platforms.apple.keys import AppleKeys
from wallet.stand_in.apns import ApnsStandIn

PASS_TYPE_ID = "pass.example.benchmark"  # noqa: S105 - an identifier
PATIENCE_SECONDS = 30


@dataclass
class Ears:
    """When the stand-in heard of each phone last, and how often it heard of any."""

    at: dict[str, float] = field(default_factory=dict)
    count: int = 0

    def hear(self, _topic: str, token: str) -> None:
        """Note a push; called in the stand-in's thread."""
        self.at[token] = perf_counter()
        self.count += 1


@contextmanager
def apns(home: Path, authority: Authority) -> Iterator[tuple[ApnsStandIn, Ears]]:
    """Play APNs; give the stand-in, and what it heard."""
    ears = Ears()
    with ApnsStandIn(home, authority.root_pem.decode()) as playing:
        playing.on_push = ears.hear
        yield playing, ears


def set_up(database: Database, programme: Programme, authority: Authority) -> None:
    """Give the programme a certificate."""
    identity = authority.issue(PASS_TYPE_ID)
    keys = AppleKeys(
        certificate_pem=identity.certificate_pem, key_pem=identity.key_pem, intermediate_pem=authority.intermediate_pem
    )
    with database.transaction(programme.id) as session:
        wallet_credentials.put(
            session, database.keyring, platform="apple", type_id=PASS_TYPE_ID, secret=keys.written(),
            facts={"pass_type_id": PASS_TYPE_ID, "team_id": "ASSIDU0001"},
        )  # fmt: skip


def make_passes(
    owner: psycopg.Connection, database: Database, programme: Programme, *, members: int
) -> list[tuple[str, str]]:
    """Enrol members whose cards are each in one phone; return each card's code and that phone's push token."""
    codes = seed.enrol(owner, database.keyring, programme, members=members, live=members)
    tokens = []
    owner.execute("DROP TABLE IF EXISTS phone")
    owner.execute("CREATE TEMP TABLE phone (n int PRIMARY KEY, library bytea, sealed bytea, token bytea)")
    with owner.cursor().copy("COPY phone FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(["int4", "bytea", "bytea", "bytea"])
        for n in range(1, members + 1):
            token, library = ids.secret_bytes(32).hex(), ids.secret_bytes(32)
            tokens.append(token)
            sealed = database.keyring.seal(token.encode(), context=context_of(library))
            copy.write_row((n, library, sealed, ids.digest(token)))
    for statement in _PASSES:
        values = {"program": programme.id, "type": PASS_TYPE_ID}
        owner.execute(statement, {name: value for name, value in values.items() if f"%({name})s" in statement})
    return list(zip(codes, tokens, strict=True))


_PASSES = (
    (
        "INSERT INTO pass_revision (program_id, revision, swept_version)"
        " SELECT id, 0, config_version FROM program WHERE id = %(program)s"
    ),
    (
        "INSERT INTO pass (id, created_at, program_id, card_id, member_id, platform, pass_type_id, serial,"
        " token_sealed, token_hash, face_hash, revision, changed_at, state, saved_at, notified_count)"
        " SELECT card_id, now(), %(program)s, card_id, member_id, 'apple', %(type)s, replace(card_id::text, '-', ''),"
        " '\\x00', sha256(card_id::text::bytea), '\\x00', 0, date_trunc('second', now()), 'active', now(), 0"
        " FROM seed ORDER BY n"
    ),
    (
        "INSERT INTO pass_device (id, created_at, program_id, library_id_hash, push_token_sealed, push_token_hash,"
        " pass_type_id, last_seen_at) SELECT s.member_id, now(), %(program)s, p.library, p.sealed, p.token, %(type)s,"
        " now() FROM seed s JOIN phone p USING (n) ORDER BY n"
    ),
    (
        "INSERT INTO pass_registration (program_id, device_id, pass_id, created_at)"
        " SELECT %(program)s, member_id, card_id, now() FROM seed ORDER BY n"
    ),
)


@contextmanager
def worker(running: Stack, playing: ApnsStandIn) -> Iterator[int]:
    """Run a worker as the product runs it, pushing to the stand-in; yield its process id once it works."""
    settings = Settings(home=running.home, apns_endpoint=playing.url, apns_ca_file=str(playing.ca_file))
    log = running.home / "wallet-worker.log"
    command = [sys.executable, "-c", "import sys; from api.cli import main; sys.exit(main())", "worker"]
    with log.open("w") as out:
        process = subprocess.Popen(command, env=settings.environment(), stdout=out, stderr=out, cwd=ROOT)
    try:
        until = perf_counter() + PATIENCE_SECONDS
        while "worker_started" not in log.read_text():
            if perf_counter() > until or process.poll() is not None:
                raise RuntimeError(f"the worker does not start:\n{log.read_text()[-3000:]}")
            sleep(0.1)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def swept(owner: psycopg.Connection, programme: Programme) -> bool:
    """Return whether a changed set-up was taken to all passes, and nothing waits."""
    row = owner.execute(
        "SELECT r.swept_version = p.config_version AND NOT EXISTS (SELECT FROM pass_update u WHERE u.program_id = p.id)"
        " FROM pass_revision r JOIN program p ON p.id = r.program_id WHERE p.id = %s",
        [programme.id],
    ).fetchone()
    return row is not None and bool(row[0])


def megabytes(pid: int) -> float:
    """Return the memory that a process has now, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0
