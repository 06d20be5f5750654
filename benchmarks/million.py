"""A campaign to a million members: made into rows, begun, paused, cancelled; and what the worker remembers of it.

    python benchmarks/million.py [--quick] [--members 1000000] [--sends 300000] [--latency-ms 75] [--snapshot]

The embedded PostgreSQL with its fsync, the web server, one worker as the product runs it, and a stand-in of FCM whose
answers take as long as the real one's, all on two cores. Campaigns are written, scheduled, paused and cancelled over
HTTP. In turn: a thousand members, for the worker's memory; a million whose rate is one message a second, so that only
making is seen; a million at full speed, paused while its rows are made, then sent on until `--sends` have gone,
paused and cancelled in the midst. `--snapshot` holds a transaction open beside them, as a backup does. The last line
of the output is one JSON object.
"""

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

from kit import campaigns, firebase, machine, marketer, report, seed, stack
from kit.firebase import Firebase
from kit.marketer import Marketer, Watch
from kit.stack import Stack

FEW = 1_000
RATE_SECONDS = 5.0
SLOWEST = {"rate_per_minute": 60}


def main() -> None:
    """Run the benchmark."""
    given = _options()
    machine.pin()
    report.say(machine.describe())
    with ExitStack() as everything:
        running = everything.enter_context(stack.running())
        home = everything.enter_context(tempfile.TemporaryDirectory(prefix="assidu-million-"))
        fcm = everything.enter_context(firebase.playing(Path(home), latency_ms=given.latency_ms))
        web = everything.enter_context(stack.web(running, **firebase_settings(fcm)))
        watch = Watch(firebase=fcm, owner=everything.enter_context(running.owner()))
        values = _few(running, fcm, watch, web.port)
        many = _programme(running, given.members, web.port)
        if given.snapshot:
            _hold_snapshot(everything.enter_context(running.owner()))
        values |= _many(running, many, watch, given)
    report.finish({"members": given.members, "latency_ms": given.latency_ms, "snapshot": given.snapshot} | values)


def firebase_settings(fcm: Firebase) -> dict[str, Any]:
    """Return what the web server is told of FCM: it refuses campaigns by a channel that is not there."""
    return {
        "push_channel": "push", "firebase_endpoint": fcm.url, "firebase_ca_file": str(fcm.ca_file),
        "firebase_credentials": str(fcm.account_file),
    }  # fmt: skip


def _programme(running: Stack, members: int, port: int) -> Marketer:
    began = perf_counter()
    programme = seed.make_programme(running.database)
    with running.owner() as owner:
        owner.execute("SET synchronous_commit = off")
        # Foreign keys are right by construction.
        owner.execute("SET session_replication_role = replica")
        campaigns.make_audience(owner, programme, members=members, phones=f"phone-{members}-")
    running.settle()
    report.say(f"{members:,} members with a phone, made in {perf_counter() - began:,.0f} s")
    return Marketer.hired(running.database, programme, port=port)


def _hold_snapshot(backup: Any) -> None:
    backup.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    backup.execute("SELECT count(*) FROM campaign_run")
    report.say("a transaction with a snapshot of all stays open")


def _few(running: Stack, fcm: Firebase, watch: Watch, port: int) -> dict[str, Any]:
    """Send to a thousand, with a worker that does nothing else."""
    small = _programme(running, FEW, port)
    with (
        campaigns.workers(running, fcm, 1) as (pid,),
        marketer.remembered(pid, database=running.pid) as memory,
    ):
        before = watch.arrived()
        small.schedule(small.write())
        marketer.wait_for(lambda: watch.arrived() >= before + FEW)
        sleep(2)
    report.say(f"{FEW:,} members: worker {memory.peak:,.0f} MB")
    return {"worker_mb_few": memory.peak}


def _many(running: Stack, many: Marketer, watch: Watch, given: argparse.Namespace) -> dict[str, Any]:
    with (
        campaigns.workers(running, watch.firebase, 1) as (pid,),
        marketer.remembered(pid, database=running.pid) as memory,
    ):
        values = _made_alone(many, watch, given.members) | {"worker_mb_made": memory.peak}
        report.say(f"worker {memory.peak:,.0f} MB, hungriest backend {memory.hungriest:,.0f} MB")
        running.settle()
        values |= _sent(many, watch, given, {"worker": pid, "database": running.pid})
    report.say(f"worker {memory.peak:,.0f} MB, hungriest backend {memory.hungriest:,.0f} MB")
    return values | {"worker_mb_many": memory.peak, "backend_mb": memory.hungriest}


def _made_alone(many: Marketer, watch: Watch, members: int) -> dict[str, Any]:
    """Make every row of a campaign that sends one message a second, and cancel it."""
    campaign = many.write(**SLOWEST)
    many.schedule(campaign)
    seconds = watch.until_made(campaign)
    many.stop(campaign, "cancel")
    settled = watch.until_settled(campaign)
    rows = watch.rows(campaign)
    report.say(f"{rows:,} rows made in {seconds:,.1f} s ({rows / seconds:,.0f}/s), cancelled in {settled:,.1f} s")
    if rows != members:
        raise RuntimeError(f"{rows:,} rows for {members:,} members")
    return {"made_s": seconds, "cancelled_rows_settled_s": settled}


def _sent(many: Marketer, watch: Watch, given: argparse.Namespace, pids: dict[str, int]) -> dict[str, Any]:
    """Send at full speed, with a pause while rows are made and one afterwards, and cancel in the midst."""
    campaign, before = many.write(), watch.arrived()
    answered = many.schedule(campaign)
    first = watch.until_first(before)
    began = perf_counter()
    report.say(f"scheduled in {answered:.2f} s, first message {first:.2f} s later")
    values = {"schedule_answer_s": answered, "first_message_s": first}
    marketer.wait_for(lambda: watch.arrived() - before > given.sends / 20)
    values |= _stopped(many, watch, campaign, "pause", "pause_while_making")
    many.stop(campaign, "resume")
    values["made_while_sending_s"] = watch.until_made(campaign)
    report.say(f"all rows made {values['made_while_sending_s']:,.1f} s after the beginning, the pause included")
    at_first = watch.arrived()
    with machine.measured(**pids) as usage:
        rates = _rates(watch, before, given.sends)
    sent = watch.arrived() - before
    cpu = {name: usage.seconds[name] * 1000 / max(sent - (at_first - before), 1) for name in pids}
    report.say("messages/s: " + ", ".join(f"{rate:,.0f}" for rate in rates))
    report.say(
        "CPU s per 1,000: "
        + ", ".join(f"{name} {value:.3f}" for name, value in cpu.items())
        + f"; others kept {usage.others():.1f} cores busy, load of the last minute {machine.load():.1f}"
    )
    values |= {f"{name}_cpu_s_per_1000": value for name, value in cpu.items()} | {"others_cores": usage.others()}
    values |= {"sent": sent, "seconds": perf_counter() - began, "per_s": report.middle(rates), "per_s_last": rates[-1]}
    values |= _stopped(many, watch, campaign, "pause", "pause")
    many.stop(campaign, "resume")
    values["resumed_first_s"] = watch.until_first(watch.arrived())
    sleep(RATE_SECONDS)
    values |= _stopped(many, watch, campaign, "cancel", "cancel")
    values["cancel_settled_s"] = watch.until_settled(campaign)
    counts = watch.firebase.counts()
    report.say(f"the stand-in saw {counts}; the rest was settled {values['cancel_settled_s']:,.1f} s later")
    return values | {"duplicates": counts["duplicates"]}


def _rates(watch: Watch, before: int, sends: int) -> list[float]:
    """Return messages a second, measured every few seconds, until so many were sent."""
    rates: list[float] = []
    while not rates or watch.arrived() - before < sends:
        count, began = watch.arrived(), perf_counter()
        sleep(RATE_SECONDS)
        rates.append((watch.arrived() - count) / (perf_counter() - began))
        if not rates[-1]:
            break
    return rates


def _stopped(many: Marketer, watch: Watch, campaign: str, how: str, name: str) -> dict[str, float]:
    """Pause or cancel; return how many seconds after the call the last message came."""
    answered = many.stop(campaign, how)
    last, count = watch.until_silent()
    report.say(f"{name}: answered in {answered:.2f} s, last message {last:.2f} s after that, {count:,} messages")
    return {f"{name}_last_s": answered + last, f"{name}_messages": count}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/million.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="100,000 members, 50,000 sends")
    parser.add_argument("--members", type=int, default=1_000_000)
    parser.add_argument("--sends", type=int, default=300_000, help="so many messages, then pause and cancel")
    parser.add_argument("--latency-ms", type=float, default=75, help="how long FCM's answers take")
    parser.add_argument("--snapshot", action="store_true", help="with a transaction open all the while")
    given = parser.parse_args()
    if given.quick:
        given.members, given.sends = min(given.members, 100_000), min(given.sends, 50_000)
    return given


if __name__ == "__main__":
    main()
