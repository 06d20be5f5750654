"""The documents say what the code says: problems, settings, decisions, links.

`python -m tests.test_documents` prints the table of the settings.
"""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import api
import app
import notifications
import wallet
from api import problems
from app import config
from app.errors import AssiduError

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
CONFIGURATION = DOCS / "reference" / "configuration.md"


def settings_table() -> list[str]:
    """Return the lines of the table in docs/reference/configuration.md, made of what the code reads."""
    rows = (
        f"| `{variable}` | {f'`{default}`' if default else 'empty'} | {description} |"
        for variable, default, description in config.reference()
    )
    return ["| variable | default | what it is |", "|---|---|---|", *rows]


def error_classes() -> list[type[AssiduError]]:
    """Return every concrete error of every package."""
    for package in (app, api, notifications, wallet):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".migrations." not in found.name and not found.name.endswith(".__main__"):
                importlib.import_module(found.name)
    return sorted(_below(AssiduError), key=lambda cls: cls.slug)


def _below(cls: type[AssiduError]) -> set[type[AssiduError]]:
    direct = {one for one in cls.__subclasses__() if one.__module__.partition(".")[0] != "tests"}
    return direct.union(*(_below(one) for one in direct))


def status_of(cls: type[AssiduError]) -> int:
    """Return the status of a class of errors, by the table that answers use."""
    return next((problems.STATUSES[family] for family in cls.__mro__ if family in problems.STATUSES), 500)


def statuses() -> dict[str, set[int]]:
    """Return each slug with the statuses that it is answered with."""
    found: dict[str, set[int]] = {}
    for cls in error_classes():
        found.setdefault(cls.slug, set()).add(status_of(cls))
    for status, slug in problems._HTTP_SLUGS.items():
        found.setdefault(slug, set()).add(status)
    return found


def links_of(document: Path) -> Iterator[str]:
    """Yield the relative targets that a document links to, without what stands in its code blocks."""
    text = re.sub(r"^```.*?^```", "", document.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" not in target and not target.startswith("#"):
            yield target.partition("#")[0]


def test_every_problem_has_a_page_and_every_page_a_problem() -> None:
    pages = {page.stem for page in (DOCS / "problems").glob("*.md")}

    assert pages == set(statuses())


@pytest.mark.parametrize("page", sorted((DOCS / "problems").glob("*.md")), ids=lambda page: page.stem)
def test_a_problems_page_has_its_title_its_slug_a_status_it_comes_with_and_advice(page: Path) -> None:
    title, empty, code, *rest = page.read_text("utf-8").splitlines()
    said = re.fullmatch(r"`([a-z-]+)` · HTTP (\d{3})", code)

    assert re.fullmatch(r"# \S.*[^.]", title)
    assert empty == ""
    assert said is not None
    assert said[1] == page.stem
    assert int(said[2]) in statuses()[page.stem]
    assert "".join(rest).strip()


def test_a_problems_title_is_that_of_its_error() -> None:
    titles = {cls.slug: cls.title for cls in error_classes()}
    pages = {slug: (DOCS / "problems" / f"{slug}.md").read_text("utf-8").splitlines()[0] for slug in titles}

    assert pages == {slug: f"# {title}" for slug, title in titles.items()}


def test_the_reference_lists_every_setting_with_its_default_and_no_other() -> None:
    table = [line for line in CONFIGURATION.read_text("utf-8").splitlines() if line.startswith("|")]

    assert table == settings_table(), "put in what `python -m tests.test_documents` prints"


def test_decisions_are_numbered_without_a_gap_and_have_their_parts() -> None:
    records = sorted((DOCS / "decisions").glob("*.md"))

    assert [int(record.name[:4]) for record in records] == list(range(1, len(records) + 1))
    for record in records:
        text = record.read_text("utf-8")
        assert text.startswith(f"# {record.name[:4]}. "), record.name
        for part in ("Status: ", "## Context", "## Decision", "## Consequences"):
            assert f"\n{part}" in text, f"{record.name} lacks {part}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_what_a_document_links_to_is_there(document: Path) -> None:
    assert [target for target in links_of(document) if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_a_document_names_no_machine(document: Path) -> None:
    assert re.findall(r"(?:^|[\s`\"'(=])/(?:work|tmp|root|home)/\S*", document.read_text("utf-8")) == []


if __name__ == "__main__":
    print("\n".join(settings_table()))  # noqa: T201 - a program's output
