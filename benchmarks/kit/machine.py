"""The machine as a benchmark sees it: two cores for everything, and the CPU seconds that processes have used."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

CORES = 2
"""Web workers, database and load generator share so many, however many the machine has."""

_TICKS = os.sysconf("SC_CLK_TCK")


def pin() -> None:
    """Keep this process, and all that it starts from now on, on the first two cores it may use."""
    allowed = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, allowed[:CORES])


def describe() -> str:
    """Return the processor, the kernel and the load of others in one line."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    return f"{model}, {CORES} cores used, Linux {platform.release()}, load of the last minute {os.getloadavg()[0]:.1f}"


def cpu_seconds(pid: int) -> float:
    """Return the CPU that a process and its descendants have used, those that ended included."""
    return sum(_used(one) for one in family(pid)) / _TICKS


def family(pid: int) -> list[int]:
    """Return the process and its living descendants."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                children.setdefault(int(_stat(int(folder.name))[1]), []).append(int(folder.name))
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting += children.get(one, [])
    return found


@contextmanager
def held_to_one_core(*pids: int) -> Iterator[None]:
    """Hold these processes with their descendants, and all that this one starts meanwhile, to one core."""
    cores = sorted(os.sched_getaffinity(0))
    _hold([os.getpid(), *pids], cores[:1])
    try:
        yield
    finally:
        _hold([os.getpid(), *pids], cores)


def _hold(pids: list[int], cores: list[int]) -> None:
    for pid in {one for each in pids for one in family(each)}:
        # Each thread has its own (sched(7)); some end while we look.
        with suppress(OSError):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                with suppress(OSError):
                    os.sched_setaffinity(int(thread.name), cores)


@dataclass
class Usage:
    """CPU seconds by name, filled when the block that measures them ends."""

    seconds: dict[str, float] = field(default_factory=dict)
    elapsed: float = 0.0

    def ms_each(self, name: str, count: int) -> float:
        """Return milliseconds of CPU for each of `count`."""
        return self.seconds[name] * 1000 / max(count, 1)

    def others(self) -> float:
        """Return how many cores processes that are none of ours kept busy."""
        return self.seconds["machine"] / self.elapsed - sum(
            value / self.elapsed for name, value in self.seconds.items() if name != "machine"
        )


@contextmanager
def measured(**pids: int) -> Iterator[Usage]:
    """Measure the CPU that process families use while the block runs."""
    usage = Usage()
    before = {name: cpu_seconds(pid) for name, pid in pids.items()} | {"machine": _machine_seconds()}
    own, started = sum(os.times()[:4]), perf_counter()
    yield usage
    usage.elapsed = perf_counter() - started
    usage.seconds = {name: cpu_seconds(pid) - before[name] for name, pid in pids.items()}
    usage.seconds |= {"machine": _machine_seconds() - before["machine"], "load": sum(os.times()[:4]) - own}


def _machine_seconds() -> float:
    # user, nice, system, idle, iowait, irq, softirq, …: all but idle and iowait.
    cores = sorted(os.sched_getaffinity(0))
    found = 0.0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *values = line.split()
        if name.startswith("cpu") and name[3:].isdigit() and int(name[3:]) in cores:
            found += sum(int(value) for value in values[:3] + values[5:7])
    return found / _TICKS


def _used(pid: int) -> int:
    try:
        return sum(int(value) for value in _stat(pid)[11:15])
    except OSError:
        return 0


def _stat(pid: int) -> list[str]:
    # After the command's name, which may hold anything but ends at the last bracket: state, parent, … (proc(5)).
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def load() -> float:
    """Return the machine's load of the last minute."""
    return os.getloadavg()[0]
