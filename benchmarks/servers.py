"""Which processes, threads and options of the web server scan most: all of them idle beside each other, taking turns.

    python benchmarks/servers.py [--seconds 4] [--rounds 3] [2x8 1x16 "2x8 --runtime-mode mt" ...]

A contestant is workers x threads, then granian's options. The last line is one JSON object: scans a second by name.
"""

import argparse
from contextlib import ExitStack

from kit import load, machine, report, seed, stack, till

CONTESTANTS = (
    "2x8", "2x4", "2x2", "1x8", "1x16", "2x16", "3x4", "4x4", "2x8 --http 1", "2x8 --runtime-mode mt",
    "2x8 --runtime-mode st", "2x8 --backpressure 8",
)  # fmt: skip


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("contestants", nargs="*", default=CONTESTANTS)
    given = parser.parse_args()
    machine.pin()
    report.say(machine.describe())
    with stack.running(options=("-c", "max_connections=600")) as running, ExitStack() as servers:
        programme = seed.make_programme(running.database)
        with running.owner() as owner:
            codes = seed.enrol(owner, running.database.keyring, programme, members=20_000, live=10_000)
        running.settle()
        scans = till.scans([(programme, codes)])
        webs = {}
        for name in given.contestants:
            shape, *options = name.split()
            workers, threads = (int(part) for part in shape.split("x"))
            webs[name] = servers.enter_context(
                stack.web(running, workers=workers, threads=threads, options=tuple(options))
            )
            load.run(webs[name].port, scans, seconds=2).require(201)
        found: dict[str, list[tuple[float, ...]]] = {name: [] for name in webs}
        for _ in range(given.rounds):
            for name, web in webs.items():
                with machine.measured(app=web.pid, db=running.pid) as usage:
                    seen = load.run(web.port, scans, seconds=given.seconds).require(201)
                found[name].append(
                    (seen.rate, seen.quantile_ms(0.5), seen.quantile_ms(0.99), usage.ms_each("app", seen.count),
                     usage.ms_each("db", seen.count))
                )  # fmt: skip
    rows = [[name, *(report.middle(part) for part in zip(*rounds, strict=True))] for name, rounds in found.items()]
    report.table(["workers x threads, options", "per s", "p50 ms", "p99 ms", "app ms", "db ms"], rows)
    report.finish({str(row[0]): row[1] for row in rows})


if __name__ == "__main__":
    main()
