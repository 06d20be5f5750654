"""A campaign whose workers are killed and frozen while they send, at full size: nobody is forgotten, nobody told twice.

    python benchmarks/faults/campaigns.py [--members 20000] [--latency-ms 300] [--seconds 300]

Three workers; one is killed with SIGKILL every 1 - 2 s, and another takes its place; then, in a second campaign, one is
stopped for longer than its lease and goes on. Leases are the product's own, of a minute. A phone shows a second copy of
a message in the place of the first, as real ones do; copies are counted all the same. The tests do this in small. The
last line of the output is one JSON object; the exit status is 1 where a promise was broken.
"""

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from kit import campaigns, firebase, machine, report, seed, stack
from kit.firebase import Firebase
from kit.seed import Programme
from kit.stack import Stack

WORKERS = 3
KILLS_MAX = 30
FROZEN_SECONDS = 75
"""Longer than a lease."""


@dataclass
class Scene:
    """What a fault is done to."""

    pids: list[int]
    start: Callable[[], int]
    is_over: Callable[[], bool]


def main() -> int:
    """Run both faults; return 1 where a message was lost or shown twice."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--members", type=int, default=20_000)
    parser.add_argument("--latency-ms", type=float, default=300, help="so slow that a kill finds messages under way")
    parser.add_argument("--rate-per-minute", type=int, default=20_000, help="so slow that there is time to kill")
    parser.add_argument("--seconds", type=float, default=300, help="how long a campaign may take")
    given = parser.parse_args()
    machine.pin()
    found: dict[str, Any] = {"members": given.members}
    with (
        stack.running() as running,
        tempfile.TemporaryDirectory(prefix="assidu-faults-") as home,
        firebase.playing(Path(home), latency_ms=given.latency_ms) as fcm,
    ):
        programme = seed.make_programme(running.database)
        with running.owner() as owner:
            campaigns.make_audience(owner, programme, members=given.members)
        for name, hurt in (("killed", _kill), ("frozen", _freeze)):
            before = fcm.counts()
            hurts, states, seconds = _suffer(running, programme, fcm, given, hurt)
            after = fcm.counts()
            report.say(f"{name}: {hurts} times, {states}, {seconds:.0f} s")
            found |= {
                f"{name}_times": hurts,
                f"{name}_seconds": seconds,
                f"{name}_states": states,
                # A screen holds one message for each collapse key.
                f"{name}_lost": given.members - (after["distinct"] - before["distinct"]),
                f"{name}_copies_replaced": after["duplicates"] - before["duplicates"],
                f"{name}_unsettled": given.members - sum(states.get(state, 0) for state in ("sent", "failed/expired")),
            }
    report.finish(found)
    return int(any(found[f"{name}_{what}"] for name in ("killed", "frozen") for what in ("lost", "unsettled")))


def _suffer(
    running: Stack, programme: Programme, fcm: Firebase, given: argparse.Namespace, hurt: Callable[[Scene], int]
) -> tuple[int, dict[str, int], float]:
    """Run one campaign while `hurt` does its work; return how often, the outcomes and the time."""
    with ExitStack() as at_work, running.owner() as owner:

        def start() -> int:
            return at_work.enter_context(campaigns.workers(running, fcm, 1))[0]

        pids = [start() for _ in range(WORKERS)]
        began = perf_counter()
        campaign_id = campaigns.schedule(running, programme, rate_per_minute=given.rate_per_minute)
        times = hurt(Scene(pids, start, partial(campaigns.is_over, owner, campaign_id)))
        while not campaigns.is_over(owner, campaign_id):
            if perf_counter() > began + given.seconds:
                report.say("the campaign does not end")
                break
            sleep(0.2)
        return times, campaigns.states(owner, campaign_id), perf_counter() - began


def _kill(scene: Scene) -> int:
    kills = 0
    sleep(3)
    while not scene.is_over() and kills < KILLS_MAX:
        os.kill(scene.pids.pop(0), signal.SIGKILL)
        kills += 1
        scene.pids.append(scene.start())  # takes a second or two
    return kills


def _freeze(scene: Scene) -> int:
    sleep(4)
    os.kill(scene.pids[0], signal.SIGSTOP)
    sleep(FROZEN_SECONDS)
    os.kill(scene.pids[0], signal.SIGCONT)
    sleep(3)
    return 1


if __name__ == "__main__":
    sys.exit(main())
