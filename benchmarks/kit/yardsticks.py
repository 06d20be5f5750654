"""pgbench doing the SQL work of a scan, as the web role under row-level security, on cards beside the scanned ones."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from app.embedded import binaries
from kit.seed import Programme, Written
from kit.stack import BENCHMARKS, Stack

_RATE = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
_COUNT = re.compile(r"^number of transactions actually processed: ([0-9]+)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What pgbench said."""

    rate: float
    count: int


def prepare(stack: Stack) -> None:
    """Make the function that does everything in one round trip; for the benchmark's own database only."""
    with stack.owner() as owner:
        owner.execute((_scripts() / "one_function.sql").read_text().encode())


def run(
    stack: Stack, script: str, programme: Programme, scan: Written, *, cards: int, step: int, seconds: float,
    clients: int = 16,
) -> Counted:  # fmt: skip
    """Run `separate` or `one` for so long; raise RuntimeError when a transaction fails.

    It works on `cards` cards, each `step`th of the programme's, beside those that are scanned.
    """
    values = {
        **scan.values,
        "program": str(programme.id),
        "points_id": str(programme.points_id),
        "cards": str(cards),
        "step": str(step),
    }
    role = stack.database.role("web")
    done = subprocess.run(
        [
            str(binaries() / "pgbench"), "--no-vacuum", "--protocol=prepared", f"--client={clients}", "--jobs=1",
            f"--time={max(round(seconds), 1)}", f"--file={_scripts() / script}.sql",
            *(f"--define={name}={value}" for name, value in values.items()),
            f"--host={stack.server.socket_folder}", f"--username={role}", "assidu",
        ],
        env={"PGPASSWORD": stack.database.keyring.role_password(role)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    rate, count = _RATE.search(done.stdout), _COUNT.search(done.stdout)
    if done.returncode != 0 or rate is None or count is None or "aborted" in done.stderr:
        raise RuntimeError(f"pgbench failed: {done.stderr[-2000:]}{done.stdout[-500:]}")
    return Counted(rate=float(rate[1]), count=int(count[1]))


def _scripts() -> Path:
    return BENCHMARKS / "pgbench"
