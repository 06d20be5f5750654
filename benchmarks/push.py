"""Pushes: our transport beside h2load, node's firebase-admin and firebase-admin's `send_each`; then whole campaigns.

    python benchmarks/push.py [--quick] [--rounds 2] [--members 100000] [--node-modules FOLDER] [--skip-campaign]

Every contestant sends the same messages over TLS and HTTP/2 (or HTTP/1.1, where it speaks nothing else) to the same
stand-in of FCM: one core for the client, one for the server. Rounds are interleaved and medians compared. A contestant
that is not installed is left out, and its ratio is null. The last line of the output is one JSON object.
"""

import argparse
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kit import campaigns, firebase, machine, report, seed, stack
from kit.senders import Round, Sender


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the command line says."""

    rounds: int
    messages: int
    slow_messages: int
    members: int
    node_modules: Path | None
    with_campaign: bool


def main() -> None:
    """Run the benchmark."""
    options = _options()
    machine.pin()
    report.say(machine.describe())
    values = _transports(options)
    values |= _at_distance(options)
    values |= _campaigns(options, values)
    report.finish(values)


def _transports(options: Options) -> dict[str, Any]:
    """Compare the transports alone."""
    client, server = sorted(os.sched_getaffinity(0))[: machine.CORES]
    wire, node, threads, ours = (Sender(name=name) for name in ("h2load", "node sendEach", "send_each", "ours"))
    with tempfile.TemporaryDirectory(prefix="assidu-push-") as home, firebase.playing(Path(home), core=server) as fcm:
        round_ = Round(fcm, core=client, node_modules=options.node_modules)
        turns: list[tuple[Sender, Callable[[Sender, int], None], int]] = [
            (ours, round_.ours, options.messages),
            (threads, round_.firebase_admin, options.slow_messages),
        ]
        if round_.has_node():
            turns.insert(0, (node, round_.node, options.messages // 2))
        if shutil.which("h2load"):
            turns.insert(0, (wire, round_.h2load, options.messages))
        for place in range(options.rounds):
            for sender, send, count in turns:
                send(sender, count)
            report.say(f"round {place + 1}: " + ", ".join(f"{s.name} {s.rates[-1]:,.0f}/s" for s, _, _ in turns))
        counts = fcm.counts()
    report.table(
        ["", "messages/s", "CPU s per 1,000", "MB"],
        [[s.name, report.middle(s.rates), round(report.middle(s.cpu), 4), report.middle(s.mb)] for s, _, _ in turns],
    )
    report.say(f"the stand-in saw {counts}")
    return {
        "transport_vs_firebase_admin": _ratio(ours, threads),
        "transport_vs_node": _ratio(ours, node),
        "transport_vs_h2load": _ratio(ours, wire),
        "transport_cpu_vs_firebase_admin": _cpu_ratio(ours, threads),
        "transport_cpu_vs_node": _cpu_ratio(ours, node),
        "transport_cpu_vs_h2load": _cpu_ratio(ours, wire),
        "transport_per_s": report.middle(ours.rates),
        "firebase_admin_per_s": report.middle(threads.rates),
        "transport_cpu_s_per_1000": report.middle(ours.cpu),
        "transport_mb": report.middle(ours.mb),
    }


def _at_distance(options: Options) -> dict[str, Any]:
    """Measure the transport when an answer takes 75 ms, as a real one does, from one process."""
    client, server = sorted(os.sched_getaffinity(0))[: machine.CORES]
    ours = Sender(name="ours")
    with (
        tempfile.TemporaryDirectory(prefix="assidu-push-") as home,
        firebase.playing(Path(home), latency_ms=75, core=server) as fcm,
    ):
        Round(fcm, core=client, node_modules=None).ours(ours, options.messages)
    report.say(f"at 75 ms: {ours.rates[0]:,.0f}/s, {ours.cpu[0]:.4f} CPU s per 1,000")
    return {"transport_at_75_ms_per_s": ours.rates[0]}


def _campaigns(options: Options, values: dict[str, Any]) -> dict[str, Any]:
    """Send whole campaigns, from segment to recorded outcome, by one worker and by two.

    Two are compared with one that has both cores, as they have; and with one where all there is, database and
    stand-in included, has one core: that says what a second core with a second worker brings.
    """
    names = [
        "campaign_vs_firebase_admin", "cpu_s_per_1000", "worker_mb", "two_workers_vs_one", "first_message_s",
        "two_workers_on_two_cores_vs_one_on_one",
    ]  # fmt: skip
    if not options.with_campaign:
        return dict.fromkeys(names)
    with (
        stack.running() as running,
        tempfile.TemporaryDirectory(prefix="assidu-push-") as home,
        firebase.playing(Path(home)) as fcm,
    ):
        programme = seed.make_programme(running.database)
        with running.owner() as owner:
            campaigns.make_audience(owner, programme, members=options.members)
        report.say(f"{options.members:,} members with a phone")
        one, two = (_campaign(running, fcm, programme, count) for count in (1, 2))
        with machine.held_to_one_core(running.pid, fcm.pid):
            small = _campaign(running, fcm, programme, 1)
    report.table(
        ["campaign", "members/s", "seconds", "first s", "worker CPU s/1,000", "db CPU s/1,000", "MB"],
        [
            [name, it.rate, it.seconds, it.first_seconds, round(it.worker_cpu * 1000 / it.sent, 3),
             round(it.database_cpu * 1000 / it.sent, 3), it.worker_mb]
            for name, it in (("1 worker", one), ("2 workers", two), ("1 worker, 1 core", small))
        ],
    )  # fmt: skip
    found = [one.rate / values["firebase_admin_per_s"], one.cpu_per_1000, one.worker_mb, two.rate / one.rate]
    found += [one.first_seconds, two.rate / small.rate]
    return dict(zip(names, found, strict=True)) | {"campaign_per_s": one.rate}


def _campaign(running: stack.Stack, fcm: firebase.Firebase, programme: seed.Programme, count: int) -> campaigns.Ran:
    running.settle()
    with campaigns.workers(running, fcm, count) as pids:
        ran = campaigns.run(running, programme, pids)
    report.say(f"{count} worker(s): {ran.states}, {fcm.counts()}")
    return ran


def _ratio(one: Sender, other: Sender) -> float | None:
    return report.middle(one.rates) / report.middle(other.rates) if other.rates else None


def _cpu_ratio(one: Sender, other: Sender) -> float | None:
    return report.middle(other.cpu) / report.middle(one.cpu) if other.cpu else None


def _options() -> Options:
    parser = argparse.ArgumentParser(prog="benchmarks/push.py", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one short round, few members: to see that it runs")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--messages", type=int, default=20_000, help="for each round; send_each gets a tenth")
    parser.add_argument("--members", type=int, default=100_000)
    parser.add_argument("--node-modules", type=Path, help="folder in which `npm install firebase-admin` left it")
    parser.add_argument("--skip-campaign", action="store_true")
    given = parser.parse_args()
    messages = 4_000 if given.quick else given.messages
    return Options(
        rounds=1 if given.quick else given.rounds,
        messages=messages,
        slow_messages=messages // 10,
        members=2_000 if given.quick else given.members,
        node_modules=given.node_modules,
        with_campaign=not given.skip_campaign,
    )


if __name__ == "__main__":
    main()
