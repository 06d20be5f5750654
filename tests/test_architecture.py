"""What import-linter and ruff cannot say about the source: it is all under their contracts, and few files commit."""

import ast
import configparser
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
CONTRACTS = configparser.ConfigParser()
CONTRACTS.read(ROOT / "setup.cfg")
PACKAGES = CONTRACTS["importlinter"]["root_packages"].split()

MAY_COMMIT = {"app/db/engine.py"}
"""Return commits, raise rolls back: one place ends transactions, so no use case can end half of one."""


def test_every_package_that_we_ship_is_under_contract() -> None:
    shipped = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks", "web"}

    assert shipped == set(PACKAGES)


def test_nothing_imports_the_entry_point() -> None:
    # It makes an application when imported; and import-linter takes no modules beside packages.
    assert [str(path) for path in sources() for name in imports(path) if name.split(".")[0] == "wsgi"] == []


def test_only_the_database_commits() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    }

    assert found == MAY_COMMIT


def test_pages_hold_no_logic() -> None:
    assert [path.name for path in (ROOT / "web").rglob("*.py")] == ["__init__.py"]


def sources() -> Iterator[Path]:
    """Yield every file of our packages."""
    for package in PACKAGES:
        yield from (ROOT / package).rglob("*.py")


def imports(path: Path) -> Iterator[str]:
    """Yield the modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
