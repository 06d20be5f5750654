"""Bring the browser libraries that our pages use, unmodified, through npm's own configuration: `make vendor`.

Each comes with its licence and a README that names its version, its purpose and each file's SHA-256. To take a newer
version, change it here, run `make vendor`, look at the pages, and commit what came.
"""

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

WEB = Path(__file__).parent.parent / "web"


@dataclass(frozen=True, slots=True)
class Library:
    """A package of the npm registry, the files that we take of it, and where they go."""

    package: str
    version: str
    purpose: str
    files: tuple[str, ...]
    folder: Path


LIBRARIES = (
    Library(
        package="swagger-ui-dist",
        version="5.35.0",
        purpose="renders OpenAPI 3.1 at /docs; asks no other host, needs no `eval`, works by keyboard and on a phone.",
        files=(
            "swagger-ui-bundle.js",
            "swagger-ui-bundle.js.LICENSE.txt",
            "swagger-ui.css",
            "LICENSE",
            "NOTICE",
        ),
        folder=WEB / "docs" / "vendor" / "swagger-ui-dist",
    ),
)


def main() -> None:
    """Bring every library."""
    for library in LIBRARIES:
        print(f"{library.package} {library.version}")
        bring(library)


def bring(library: Library) -> None:
    """Replace a library's folder by the files of its package and a README about them."""
    with tempfile.TemporaryDirectory() as work:
        packed = subprocess.run(
            ["npm", "pack", "--silent", f"{library.package}@{library.version}"],
            cwd=work, check=True, capture_output=True, text=True,
        )  # fmt: skip
        with tarfile.open(Path(work) / packed.stdout.split()[-1]) as archive:
            archive.extractall(work, filter="data")
        shutil.rmtree(library.folder, ignore_errors=True)
        library.folder.mkdir(parents=True)
        for name in library.files:
            shutil.copyfile(Path(work) / "package" / name, library.folder / Path(name).name)
    sums = "".join(
        f"{hashlib.sha256((library.folder / Path(name).name).read_bytes()).hexdigest()}  {Path(name).name}\n"
        for name in library.files
    )
    (library.folder / "README.md").write_text(
        f"# {library.package} {library.version}\n\nFrom npm, unmodified, by `scripts/vendor.py`: {library.purpose}\n"
        f"The licence lies beside it. SHA-256:\n\n```\n{sums}```\n"
    )


if __name__ == "__main__":
    main()
