"""`GET /v1/me/cards`, with which the customer's app opens, beside the same stack answering a constant.

    python benchmarks/reads.py [--quick] [--seconds 4] [--rounds 5]

The constant is an operation like any other: the same authentication, routing and headers, no database. The last line
of the output is one JSON object.
"""

import argparse
from collections.abc import Iterator
from itertools import cycle

from kit import load, machine, report, seed, stack
from kit.load import Measured, request
from kit.machine import Usage

CUSTOMERS = 200
"""So few that a process remembers whose each token is: what is left is the reading."""

NOISE = 20_000
"""Members beside them."""


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="half a minute, and less sure")
    parser.add_argument("--seconds", type=float, help="length of a round")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each, interleaved")
    given = parser.parse_args()
    seconds = given.seconds or (1.5 if given.quick else 4)
    machine.pin()
    report.say(machine.describe())
    with stack.running() as running:
        programmes = [seed.make_programme(running.database) for _ in range(2)]
        with running.owner() as owner:
            seed.enrol(owner, running.database.keyring, programmes[0], members=NOISE, live=0)
        tokens = seed.sign_in(running.database, programmes, customers=CUSTOMERS)
        running.settle()
        with stack.web(running, "constant:application", folder=stack.BENCHMARKS / "peers") as web:
            paths = {path: _reads(path, tokens) for path in ("/v1/me/cards", "/v1/me/constant")}
            for requests in paths.values():
                load.run(web.port, requests, seconds=min(seconds, 3)).require(200)
            found: dict[str, list[tuple[Measured, Usage]]] = {path: [] for path in paths}
            for _ in range(given.rounds):
                for path, requests in paths.items():
                    with machine.measured(app=web.pid, db=running.pid) as usage:
                        seen = load.run(web.port, requests, seconds=seconds).require(200)
                    found[path].append((seen, usage))
    _tell(found)


def _reads(path: str, tokens: list[str]) -> Iterator[bytes]:
    return cycle([request("GET", path, {"Authorization": f"Bearer {token}"}) for token in tokens])


def _tell(found: dict[str, list[tuple[Measured, Usage]]]) -> None:
    rows = {
        path: [
            report.middle(values)
            for values in zip(
                *(
                    (seen.rate, seen.quantile_ms(0.5), seen.quantile_ms(0.99), usage.ms_each("app", seen.count),
                     usage.ms_each("db", seen.count))
                    for seen, usage in rounds
                ),
                strict=True,
            )
        ]
        for path, rounds in found.items()
    }  # fmt: skip
    report.table(
        ["", "per s", "p50 ms", "p99 ms", "app ms", "db ms"], [[f"GET {path}", *row] for path, row in rows.items()]
    )
    cards, constant = rows.values()
    report.finish({
        "ratio_constant": cards[0] / constant[0], "reads_per_s": cards[0], "constant_per_s": constant[0],
        "p50_ms": cards[1], "p99_ms": cards[2], "app_cpu_ms": cards[3], "db_cpu_ms": cards[4],
        "constant_app_cpu_ms": constant[3],
    })  # fmt: skip


if __name__ == "__main__":
    main()
