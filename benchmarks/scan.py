"""`POST /v1/scans` at full load, beside pgbench doing the same SQL work and beside what most people would write.

    python benchmarks/scan.py [--quick] [--seconds 5] [--rounds 3] [--workers 2] [--threads 8]

Everything shares two cores and one PostgreSQL with its fsync; rounds are interleaved and medians compared, since
absolute figures wander with whatever else the machine does. The last line of the output is one JSON object.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from kit import load, machine, peer, report, seed, stack, till, trips, yardsticks
from kit.machine import Usage
from kit.seed import Programme, Written
from kit.stack import Stack, Web

from api.app import create_app
from app.config import Settings
from app.db import Database

MEMBERS = 100_000
LIVE = 20_000
"""Cards that are scanned over HTTP; pgbench works on as many of the others."""

SPREAD = 20
"""Programmes between which the same load is spread."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the command line says."""

    seconds: float
    rounds: int
    members: int
    live: int
    workers: int | None
    threads: int | None


@dataclass(kw_only=True)
class Column:
    """The rounds of one contestant."""

    rates: list[float] = field(default_factory=list)
    app_ms: list[float] = field(default_factory=list)
    db_ms: list[float] = field(default_factory=list)
    load_ms: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    wal: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """The median."""
        return report.middle(self.rates)

    @property
    def cpu_ms(self) -> float:
        """The median of all CPU that one takes, the load's own included: what the rate is when nothing else runs."""
        return sum(report.middle(part) for part in (self.app_ms, self.db_ms, self.load_ms) if part)

    def row(self, name: str) -> list[Any]:
        """Return a row of the table."""
        cells = [report.middle(part) if part else "" for part in
                 (self.rates, self.p50, self.p99, self.app_ms, self.db_ms, self.load_ms, self.wal)]  # fmt: skip
        return [name, *cells]


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What every measurement needs."""

    options: Options
    stack: Stack
    web: Web
    programme: Programme
    codes: Sequence[str]

    def http(self, column: Column, requests: Iterator[bytes], *, web: Web | None = None, seconds: float = 0) -> None:
        """Measure one round over HTTP."""
        server = web or self.web
        log_before = self.stack.wal_bytes()
        with machine.measured(app=server.pid, db=self.stack.pid) as usage:
            seen = load.run(server.port, requests, seconds=seconds or self.options.seconds).require(201)
        column.rates.append(seen.rate)
        column.p50.append(seen.quantile_ms(0.5))
        column.p99.append(seen.quantile_ms(0.99))
        column.app_ms.append(usage.ms_each("app", seen.count))
        column.wal.append((self.stack.wal_bytes() - log_before) / seen.count)
        _note(column, usage, seen.count)

    def pgbench(self, column: Column, script: str, scan: Written) -> None:
        """Measure one round of pgbench."""
        with machine.measured(db=self.stack.pid) as usage:
            seen = yardsticks.run(
                self.stack,
                script,
                self.programme,
                scan,
                cards=self.options.live,
                step=self.options.members // self.options.live,
                seconds=self.options.seconds,
            )
        column.rates.append(seen.rate)
        _note(column, usage, seen.count)


def _note(column: Column, usage: Usage, count: int) -> None:
    column.db_ms.append(usage.ms_each("db", count))
    column.load_ms.append(usage.ms_each("load", count))
    column.others.append(usage.others())


def main() -> None:
    """Run the benchmark."""
    options = _options()
    machine.pin()
    report.say(machine.describe())
    with stack.running() as running:
        programme = seed.make_programme(running.database)
        with running.owner() as owner:
            codes = seed.enrol(
                owner, running.database.keyring, programme, members=options.members, live=options.live
            )  # fmt: skip
        report.say(f"{options.members:,} cards seeded")
        yardsticks.prepare(running)
        peer.prepare(running, programme)
        spread = [_small(running, options.live // SPREAD) for _ in range(SPREAD)]
        fifty = _small(running, options.live // SPREAD, rules=50)
        one = _small(running, options.live // SPREAD)
        running.settle()
        with stack.web(running, workers=options.workers, threads=options.threads) as web:
            bench = Bench(options=options, stack=running, web=web, programme=programme, codes=codes)
            values = _against_others(bench)
            values |= _paced(bench, values["scans_per_s"])
            values |= _hot_card(bench)
            values |= _steady_log(bench)
            values |= {"one_program_over_many": _compare(bench, "one programme / 20", [(programme, codes)], spread)}
            values |= {"ratio_rules": _compare(bench, "50 live rules / 1", [fifty], [one])}
        values |= {"round_trips": _round_trips(running, programme, codes)}
    report.finish(values)


def _against_others(bench: Bench) -> dict[str, Any]:
    ours, separate, one, orm = Column(), Column(), Column(), Column()
    with peer.serving(bench.stack, workers=bench.options.workers) as other:
        scans = till.scans([(bench.programme, bench.codes)])
        _warm(bench, bench.web, scans)
        _warm(bench, other, scans)
        with bench.stack.owner() as owner:
            scan = seed.written(owner, bench.programme)
        turns: list[Callable[[], None]] = [
            lambda: bench.http(ours, scans),
            lambda: bench.pgbench(separate, "separate", scan),
            lambda: bench.pgbench(one, "one", scan),
            lambda: bench.http(orm, scans, web=other),
        ]
        for place in range(bench.options.rounds):
            for turn in turns:
                turn()
            report.say(f"round {place + 1}: " + ", ".join(f"{c.rates[-1]:,.0f}" for c in (ours, separate, one, orm)))
    report.table(
        ["", "per s", "p50 ms", "p99 ms", "app ms", "db ms", "load ms", "WAL B"],
        [
            ours.row("POST /v1/scans"),
            separate.row("pgbench, separate prepared statements"),
            one.row("pgbench, one round trip"),
            orm.row("FastAPI + SQLAlchemy ORM, bare scan"),
        ],
    )
    report.say(f"others on these cores: {report.middle(ours.others + separate.others):.2f} cores busy")
    return {
        "ratio_pgbench": ours.rate / separate.rate,
        "ratio_pgbench_one": ours.rate / one.rate,
        "ratio_fastapi_orm": ours.rate / orm.rate,
        "cpu_ratio_pgbench": separate.cpu_ms / ours.cpu_ms,
        "cpu_ratio_pgbench_one": one.cpu_ms / ours.cpu_ms,
        "cpu_ratio_fastapi_orm": orm.cpu_ms / ours.cpu_ms,
        "scans_per_s": ours.rate,
        "pgbench_per_s": separate.rate,
        "pgbench_one_per_s": one.rate,
        "fastapi_orm_per_s": orm.rate,
        "p50_ms": report.middle(ours.p50),
        "p99_ms": report.middle(ours.p99),
        "app_cpu_ms": report.middle(ours.app_ms),
        "db_cpu_ms": report.middle(ours.db_ms),
        "load_cpu_ms": report.middle(ours.load_ms),
        "app_over_db_cpu": report.middle(ours.app_ms) / report.middle(ours.db_ms),
        "wal_bytes_per_scan_at_first": ours.wal[0],
        "others_cores": report.middle(ours.others),
    }


def _warm(bench: Bench, web: Web, scans: Iterator[bytes]) -> None:
    load.run(web.port, scans, seconds=min(bench.options.seconds, 3)).require(201)


def _paced(bench: Bench, rate: float) -> dict[str, Any]:
    scans = till.scans([(bench.programme, bench.codes)])
    found = []
    # What the rounds before left to be written and cleaned would be paid for here.
    bench.stack.settle()
    _warm(bench, bench.web, scans)
    for _ in range(bench.options.rounds + 2):
        seen = load.run(bench.web.port, scans, seconds=bench.options.seconds, rate=rate * 0.7).require(201)
        found.append((seen.quantile_ms(0.99) / seen.quantile_ms(0.5), seen.quantile_ms(0.5), seen.quantile_ms(0.99)))
    over, p50, p99 = sorted(found)[len(found) // 2]
    report.say(f"at 70 % of that load: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    return {"p99_over_p50_at_70": over, "p50_ms_at_70": p50, "p99_ms_at_70": p99}


def _hot_card(bench: Bench) -> dict[str, Any]:
    column = Column()
    for _ in range(bench.options.rounds):
        bench.http(column, till.scans([(bench.programme, bench.codes[:1])]))
    report.say(f"one card from {16} connections: {column.rate:,.0f} per s, no error")
    return {"hot_card_per_s": column.rate}


def _steady_log(bench: Bench) -> dict[str, Any]:
    """Measure the log once the pages are in it: until the next checkpoint each page is written whole but once."""
    column = Column()
    scans = till.scans([(bench.programme, bench.codes[:1000])])
    _warm(bench, bench.web, scans)
    _warm(bench, bench.web, scans)
    bench.http(column, scans)
    report.say(f"{column.wal[0]:,.0f} B of log per scan once its pages are there")
    return {"wal_bytes_per_scan": column.wal[0]}


def _compare(
    bench: Bench, what: str, left: Sequence[tuple[Programme, Sequence[str]]],
    right: Sequence[tuple[Programme, Sequence[str]]],
) -> float:  # fmt: skip
    columns = (Column(), Column())
    loads = [(column, till.scans(tills)) for column, tills in zip(columns, (left, right), strict=True)]
    for _column, scans in loads:
        _warm(bench, bench.web, scans)
    for _ in range(bench.options.rounds):
        for column, scans in loads:
            bench.http(column, scans)
    report.say(f"{what}: {columns[0].rate:,.0f} against {columns[1].rate:,.0f} per s")
    return columns[0].rate / columns[1].rate


def _small(running: Stack, members: int, *, rules: int = 1) -> tuple[Programme, list[str]]:
    programme = seed.make_programme(running.database, rules=rules)
    with running.owner() as owner:
        return programme, seed.enrol(owner, running.database.keyring, programme, members=members, live=members)


def _round_trips(running: Stack, programme: Programme, codes: Sequence[str]) -> int:
    """Count them in a process of one scan at a time, once everything that is remembered is remembered."""
    with trips.relay(running.server.socket_folder) as (relay, folder):
        url = f"postgresql://postgres@/assidu?host={folder}"
        database = Database(Settings(home=running.home, database_url=url))
        client = create_app(database.settings, database).test_client()
        found = []
        with _closing(database):
            for place in range(10):
                before = relay.trips
                answer = client.post(
                    "/v1/scans", data=till.body(programme, codes[place]), content_type="application/json",
                    headers=till.headers(programme, f"trips-{place}"),
                )  # fmt: skip
                assert answer.status_code == 201, answer.text
                found.append(relay.trips - before)
    report.say(f"round trips of ten scans: {found}")
    return found[-1]


@contextmanager
def _closing(database: Database) -> Iterator[None]:
    try:
        yield
    finally:
        database.dispose()


def _options() -> Options:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="less than a minute, and less sure")
    parser.add_argument("--seconds", type=float, help="length of a round")
    parser.add_argument("--rounds", type=int, help="rounds of each, interleaved")
    parser.add_argument("--members", type=int, default=MEMBERS)
    parser.add_argument("--workers", type=int, help="web processes; the product's default")
    parser.add_argument("--threads", type=int, help="threads in each; the product's default")
    given = parser.parse_args()
    return Options(
        seconds=given.seconds or (1.5 if given.quick else 5),
        rounds=given.rounds or 3,
        members=given.members,
        live=min(LIVE, given.members // 2),
        workers=given.workers,
        threads=given.threads,
    )


if __name__ == "__main__":
    main()
