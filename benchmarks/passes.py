"""Apple passes made and signed, beside OpenSSL's bare RSA, node's passkit-generator and cryptography's own builder.

    python benchmarks/passes.py [--quick] [--rounds 3] [--node-modules FOLDER]

Ours begins with a card's face; the others are given `pass.json`. Every contestant is a process on one core with its key
loaded, and every last pass is verified. Rounds are interleaved and medians compared, by the CPU seconds that each used,
as `openssl speed` does itself: others on the machine change them little. A contestant that is not installed is left
out, and its ratio is null. The last line of the output is one JSON object.
"""

import argparse
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from kit import machine, passes, report
from kit.passes import Contestant

from wallet.platforms.apple.authority import Authority

SMALL_BYTES = 17_000
LARGE_BYTES = 498_000


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the command line says."""

    rounds: int
    count: int
    seconds: int
    node_modules: Path | None


def main() -> None:
    """Run the benchmark."""
    options = _options()
    machine.pin()
    report.say(machine.describe())
    authority = Authority.make()
    with tempfile.TemporaryDirectory(prefix="assidu-passes-") as home:
        small, large = Path(home, "small"), Path(home, "large")
        passes.lay_out(small, authority, SMALL_BYTES)
        passes.lay_out(large, authority, LARGE_BYTES)
        values = _measure(options, small, large)
        for name in ("ours", "builder", *(["node"] if passes.has_node(options.node_modules) else [])):
            for folder in (small, large):
                if (folder / f"{name}.pkpass").exists():
                    passes.judge(folder, name, authority)
    report.finish(values)


def _measure(options: Options, small: Path, large: Path) -> dict[str, Any]:
    cores = sorted(os.sched_getaffinity(0))[: machine.CORES]
    ours, ours_large = (Contestant(name=f"ours, {size}", count=options.count) for size in ("17 KB", "498 KB"))
    builder = Contestant(name="builder, 17 KB", count=options.count // 2)
    node, node_large = (
        Contestant(name=f"passkit-generator, {size}", count=options.count // 40) for size in ("17 KB", "498 KB")
    )
    turns = [
        (ours, small, "passes_ours.py"),
        (ours_large, large, "passes_ours.py"),
        (builder, small, "passes_builder.py"),
    ]
    if passes.has_node(options.node_modules):
        turns += [(node, small, "passes_node.js"), (node_large, large, "passes_node.js")]
    bare: list[float] = []
    together: list[tuple[float, float]] = []
    for place in range(options.rounds):
        bare.append(passes.openssl(options.seconds, core=cores[0]))
        for one, folder, script in turns:
            one.note(passes.run(folder, script, one.count, core=cores[0], node_modules=options.node_modules))
        rate, by_cpu = _two(small, options.count, cores)
        together.append((rate / ours.rates[-1], by_cpu / ours.by_cpu[-1]))
        report.say(
            f"round {place + 1}: openssl {bare[-1]:,.0f}, "
            + ", ".join(f"{one.name} {one.by_cpu[-1]:,.0f}" for one, _, _ in turns)
            + f" a CPU second; two processes {together[-1][0]:.2f} times one"
        )
    limit = median(bare)
    report.table(
        ["", "each CPU second", "each second", "of bare RSA"],
        [["openssl speed rsa2048", limit, "", 1.0]]
        + [[one.name, median(one.by_cpu), median(one.rates), median(one.by_cpu) / limit] for one, _, _ in turns],
    )
    return {
        "ratio_openssl": median(ours.by_cpu) / limit,
        "ratio_node": _ratio(ours, node),
        "ratio_node_large": _ratio(ours_large, node_large),
        "ratio_builder": _ratio(ours, builder),
        "large_vs_small": _ratio(ours_large, ours),
        "two_processes_vs_one": median(rate for rate, _ in together),
        "two_processes_vs_one_by_cpu": median(by_cpu for _, by_cpu in together),
        "passes_per_s": median(ours.rates),
        "passes_per_cpu_s": median(ours.by_cpu),
    }


def _two(folder: Path, count: int, cores: list[int]) -> tuple[float, float]:
    """Return how many passes two processes make, each on its own core: a second, and with a CPU second of each."""
    processes = [passes.start(folder, "passes_ours.py", count, core=core) for core in cores]
    seen = [passes.ended(process) for process in processes]
    return sum(one["made"] / one["elapsed"] for one in seen), sum(one["made"] / one["cpu"] for one in seen)


def _ratio(one: Contestant, other: Contestant) -> float | None:
    first, second = one.each_cpu_second, other.each_cpu_second
    return first / second if first and second else None


def _options() -> Options:
    parser = argparse.ArgumentParser(prog="benchmarks/passes.py", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one short round: to see that it runs")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--count", type=int, default=4_000, help="passes of ours in a round; others make fewer")
    parser.add_argument("--node-modules", type=Path, help="folder in which `npm install passkit-generator` left it")
    given = parser.parse_args()
    return Options(
        rounds=1 if given.quick else given.rounds,
        count=400 if given.quick else given.count,
        seconds=1 if given.quick else 3,
        node_modules=given.node_modules.resolve() if given.node_modules else None,
    )


if __name__ == "__main__":
    main()
