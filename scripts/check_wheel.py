"""Build the wheel from what git knows and say what is missing in it: `python scripts/check_wheel.py`.

An editable installation reads the tree, so only this notices a file that the packages' data do not name.
"""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("app/", "api/", "notifications/", "wallet/", "web/", "wire/")
MOVED = {"docs/problems/": "web/docs/problems/"}
ALONE = {"wsgi.py"}


def wanted(tracked: list[str]) -> set[str]:
    """Return the names that the wheel must hold for these files of the tree."""
    names = {name for name in tracked if name.startswith(PACKAGES) or name in ALONE}
    for origin, target in MOVED.items():
        names |= {target + name.removeprefix(origin) for name in tracked if name.startswith(origin)}
    return names


def built(tracked: list[str]) -> set[str]:
    """Return the names in a wheel built from a copy of these files alone. Raises CalledProcessError."""
    with tempfile.TemporaryDirectory() as place:
        source, target = Path(place) / "source", Path(place) / "wheel"
        for name in tracked:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
        command = [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--wheel-dir",
            str(target),
            str(source),
        ]
        subprocess.run(command, check=True)
        (wheel,) = target.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            return set(archive.namelist())


def main() -> int:
    """Name what is missing; return the process's status."""
    command = ["git", "ls-files", "-z", "--cached"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    tracked = [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    missing = sorted(wanted(tracked) - built(tracked))
    for name in missing:
        print(f"The wheel lacks {name}", file=sys.stderr)
    if not missing:
        print(f"The wheel holds all {len(wanted(tracked))} files.")
    return bool(missing)


if __name__ == "__main__":
    sys.exit(main())
