"""Cards in phones that change: from a scan's commit to APNs, and a new design on a hundred thousand cards.

    python benchmarks/pass_updates.py [--quick] [--passes 100000] [--scans 100]

A worker as the product runs it, the embedded PostgreSQL with its fsync, and a stand-in of APNs with TLS and HTTP/2, all
on two cores. A scan is timed from the moment when its answer is there, which is after its commit, to the moment when
the stand-in reads the push; with the worker idle, and while a redesign is under way. The worker's memory is looked at
during the redesign. The last line of the output is one JSON object.
"""

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from time import perf_counter, sleep
from typing import Any

from kit import machine, report, seed, stack, till, wallets
from kit.seed import Programme
from kit.wallets import Ears

from api.app import create_app
from app import ids
from app.config import Settings
from app.services import card_designs, programs
from wallet.platforms.apple.authority import Authority

PAUSE_SECONDS = 0.2
PATIENCE_SECONDS = 1800.0


@dataclass(frozen=True)
class Scanner:
    """A till and the phones that hold the cards it scans."""

    client: Any
    programme: Programme
    cards: list[tuple[str, str]]
    ears: Ears

    def time_one(self, place: int) -> float:
        """Scan a card; return the milliseconds from its answer until APNs heard of its phone."""
        code, token = self.cards[place % len(self.cards)]
        headers = till.headers(self.programme, ids.new_id().hex) | {"Content-Type": "application/json"}
        answer = self.client.post("/v1/scans", data=till.body(self.programme, code), headers=headers)
        committed = perf_counter()
        assert answer.status_code == 201, answer.text
        while self.ears.at.get(token, 0) < committed:
            assert perf_counter() - committed < 60, "no push came"
            sleep(0.001)
        return (self.ears.at[token] - committed) * 1000


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="benchmarks/pass_updates.py", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few passes: to see that it runs")
    parser.add_argument("--passes", type=int, default=100_000)
    parser.add_argument("--scans", type=int, default=100)
    given = parser.parse_args()
    passes, scans = (2_000, 20) if given.quick else (given.passes, given.scans)
    machine.pin()
    report.say(machine.describe())
    authority = Authority.make()
    with (
        stack.running() as running,
        tempfile.TemporaryDirectory(prefix="assidu-apns-") as home,
        wallets.apns(Path(home), authority) as (playing, ears),
    ):
        programme = seed.make_programme(running.database)
        wallets.set_up(running.database, programme, authority)
        with running.owner() as owner:
            cards = wallets.make_passes(owner, running.database, programme, members=passes)
        report.say(f"{passes:,} cards in phones")
        running.settle()
        application = create_app(Settings(home=running.home), running.database)
        scanner = Scanner(application.test_client(), programme, cards, ears)
        with wallets.worker(running, playing) as pid:
            values = _idle(scanner, scans) | _redesign(running, scanner, pid, passes)
    report.finish(values)


def _idle(scanner: Scanner, scans: int) -> dict[str, float]:
    # The first look at each pass finds that its face was never shown: every scan is a change.
    for place in range(5):
        scanner.time_one(place)
    times = []
    for place in range(scans):
        sleep(PAUSE_SECONDS)
        times.append(scanner.time_one(5 + place))
    report.say(f"idle: {_shown(times)}")
    return {"scan_to_apns_p50_ms": _part(times, 50), "scan_to_apns_p95_ms": _part(times, 95)}


def _redesign(running: stack.Stack, scanner: Scanner, pid: int, passes: int) -> dict[str, float]:
    heard, began = scanner.ears.count, perf_counter()
    with running.database.transaction(scanner.programme.id) as session:
        program = programs.hold(session)
        card_designs.change(program, values={"background": "#123456"}, whole=False)
    times: list[float] = []
    memory: list[float] = []
    with running.owner() as owner:
        place = len(scanner.cards) // 2
        while not _is_over(lambda: wallets.swept(owner, scanner.programme), began):
            memory.append(wallets.megabytes(pid))
            times.append(scanner.time_one(place))
            place += 1
            sleep(PAUSE_SECONDS)
    seconds = perf_counter() - began
    pushed = scanner.ears.count - heard
    report.say(f"redesign: {pushed:,} pushes in {seconds:,.1f} s, {pushed / seconds:,.0f}/s; meanwhile {_shown(times)}")
    quarter = max(1, len(memory) // 4)
    report.say("worker's memory, MB: " + ", ".join(f"{one:,.0f}" for one in memory[::quarter]))
    return {
        "redesign_passes": passes,
        "redesign_seconds": seconds,
        "redesign_pushes_per_s": pushed / seconds,
        "redesign_scan_p95_ms": _part(times, 95),
        "worker_mb_first_quarter": memory[quarter] if len(memory) > quarter else memory[-1],
        "worker_mb_last": memory[-1],
    }


def _is_over(done: Callable[[], bool], began: float) -> bool:
    if perf_counter() - began > PATIENCE_SECONDS:
        raise RuntimeError("the redesign does not end")
    return done()


def _part(times: list[float], percent: int) -> float:
    return times[0] if len(times) < 2 else quantiles(times, n=100, method="inclusive")[percent - 1]


def _shown(times: list[float]) -> str:
    if not times:
        return "no scan"
    return (
        f"{len(times)} scans, p50 {_part(times, 50):,.0f} ms, p95 {_part(times, 95):,.0f} ms, most {max(times):,.0f} ms"
    )


if __name__ == "__main__":
    main()
