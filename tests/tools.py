"""Programs and packages that share no code with ours and judge what we make: tests are skipped where theirs is missing.

    pytest --must-have openssl,certtool

lets a test fail in place of being skipped when one of those is missing: so that nothing goes unjudged unnoticed where
everything must be judged (`.ci/run`).
"""

import importlib
import importlib.util
import shutil
import warnings
from collections.abc import Iterable
from types import ModuleType

import pytest

_MUST_HAVE: set[str] = set()


def demand(programs: Iterable[str]) -> None:
    """Let whoever needs one of these fail without it."""
    _MUST_HAVE.update(programs)


def have(*programs: str) -> bool:
    """Say whether all of these are here."""
    return not _missing(programs)


def need(*programs: str) -> None:
    """Skip the test that calls this, or fail it, unless all of these are here."""
    for program in _missing(programs):
        says = f"{program} is not installed: what it judges goes unjudged"
        if program in _MUST_HAVE:
            pytest.fail(says, pytrace=False)
        pytest.skip(says)


def package(name: str) -> ModuleType:
    """Return a package that tests in general do not need, imported; skip or fail as `need` does where it is missing."""
    need(name)
    # What it has to say of its own dependencies is not ours to mend.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


def _missing(programs: Iterable[str]) -> list[str]:
    return [program for program in programs if shutil.which(program) is None and not _is_package(program)]


def _is_package(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
