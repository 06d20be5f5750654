"""`POST /v1/scans` with 1,000,000 members and 5,000,000 entries, beside 10,000 members and 50,000 entries.

    python benchmarks/growth.py [--members 1000000] [--entries 5000000] [--seconds 20] [--rounds 3] [--home FOLDER]

Two PostgreSQL servers with the same settings stand side by side and are measured in turns. Before each round
everything is written down (CHECKPOINT), so that each pays for whole pages in its log again. Seeding the large one
takes minutes: `--home` keeps both for the next run. The last line of the output is one JSON object.
"""

import argparse
import json
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import UUID

from kit import history, load, machine, report, seed, stack, till
from kit.seed import Programme
from kit.stack import Stack, Web

SMALL = (10_000, 50_000)
LIVE_MAX = 200_000
"""Cards that are scanned: far more than a round scans, so that each finds its rows at rest."""


@dataclass(kw_only=True)
class Side:
    """One size: its stack, and the rounds measured on it."""

    members: int
    stack: Stack
    web: Web
    scans: Any
    rates: list[float] = field(default_factory=list)
    wal: list[float] = field(default_factory=list)
    db_ms: list[float] = field(default_factory=list)
    app_ms: list[float] = field(default_factory=list)

    def round(self, seconds: float) -> None:
        """Measure once, from rest."""
        with self.stack.owner() as owner:
            owner.execute("CHECKPOINT")
        before = self.stack.wal_bytes()
        with machine.measured(app=self.web.pid, db=self.stack.pid) as usage:
            seen = load.run(self.web.port, self.scans, seconds=seconds).require(201)
        self.rates.append(seen.rate)
        self.wal.append((self.stack.wal_bytes() - before) / seen.count)
        self.db_ms.append(usage.ms_each("db", seen.count))
        self.app_ms.append(usage.ms_each("app", seen.count))
        report.say(f"{self.members:,} members: {seen.rate:,.0f} per s, {self.wal[-1]:,.0f} B of log per scan")

    def row(self) -> list[Any]:
        """Return a row of the table."""
        return [f"{self.members:,} members", *map(report.middle, (self.rates, self.app_ms, self.db_ms, self.wal))]


def main() -> None:
    """Run the benchmark."""
    given = _options()
    machine.pin()
    report.say(machine.describe())
    options = tuple(part for option in given.option for part in ("-c", option))
    with ExitStack() as everything:
        sides = []
        for members, entries in (SMALL, (given.members, given.entries)):
            home = given.home / f"{members}" if given.home else None
            running = everything.enter_context(stack.running(home, options=options))
            programme, codes = _seeded(running, members, entries, home)
            web = everything.enter_context(stack.web(running))
            scans = till.scans([(programme, codes)], ordered_keys=not given.random_keys)
            side = Side(members=members, stack=running, web=web, scans=scans)
            load.run(web.port, side.scans, seconds=3).require(201)
            sides.append(side)
        for _ in range(given.rounds):
            for side in sides:
                side.round(given.seconds)
    small, large = sides
    report.table(["", "per s", "app ms", "db ms", "WAL B"], [small.row(), large.row()])
    report.finish({
        "ratio_growth": report.middle(large.rates) / report.middle(small.rates),
        "scans_per_s_small": report.middle(small.rates), "scans_per_s_large": report.middle(large.rates),
        "wal_bytes_per_scan_small": report.middle(small.wal), "wal_bytes_per_scan_large": report.middle(large.wal),
        "db_cpu_ms_small": report.middle(small.db_ms), "db_cpu_ms_large": report.middle(large.db_ms),
    })  # fmt: skip


def _seeded(running: Stack, members: int, entries: int, home: Path | None) -> tuple[Programme, list[str]]:
    kept = home / "programme.json" if home else None
    if kept is not None and kept.exists():
        known = json.loads(kept.read_text())
        ids = {name: UUID(known["programme"][name]) for name in ("id", "store_id", "points_id", "stamps_id")}
        return Programme(till_key=known["programme"]["till_key"], **ids), known["codes"]
    started = perf_counter()
    programme = seed.make_programme(running.database)
    with running.owner() as owner:
        owner.execute("SET synchronous_commit = off")
        owner.execute("SET work_mem = '256MB'")
        # Foreign keys are right by construction; looking each up ten million times takes longer than the rest.
        owner.execute("SET session_replication_role = replica")
        codes = seed.enrol(
            owner, running.database.keyring, programme, members=members, live=min(LIVE_MAX, members), years=1
        )
        history.remember(owner, programme, entries=entries, members=members)
    running.settle()
    report.say(f"{members:,} members and {entries:,} entries seeded in {perf_counter() - started:,.0f} s")
    if kept is not None:
        kept.write_text(json.dumps({"programme": vars(programme), "codes": codes}, default=str))
    return programme, codes


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--members", type=int, default=1_000_000)
    parser.add_argument("--entries", type=int, default=5_000_000)
    parser.add_argument("--seconds", type=float, default=20, help="length of a round")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each, interleaved")
    parser.add_argument("--random-keys", action="store_true", help="keys as random as UUIDv4, instead of UUIDv7")
    parser.add_argument("--home", type=Path, help="folder that keeps the two databases")
    parser.add_argument("--option", action="append", default=[], help="a server setting to try, `name=value`")
    return parser.parse_args()


if __name__ == "__main__":
    main()
