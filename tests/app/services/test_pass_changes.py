"""Tags of Apple's lists: what we wrote is read, what we did not write is nothing, and nothing breaks."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.services.pass_changes import make_tag, read_tag

REVISIONS = st.integers(0, 2**63 - 1)
NEWEST = st.dictionaries(st.uuids(), REVISIONS, min_size=1, max_size=5)


@given(NEWEST)
def test_a_tag_is_read_as_it_was_written_and_needs_no_escaping(newest: dict[UUID, int]) -> None:
    tag = make_tag(newest)
    assert read_tag(tag, newest) == newest
    assert tag.isascii()
    assert tag.replace("-", "").replace(".", "").isalnum()


@given(st.uuids(), REVISIONS)
def test_one_programmes_tag_is_its_counter(program_id: UUID, revision: int) -> None:
    assert make_tag({program_id: revision}) == str(revision)


@given(NEWEST, st.uuids(), REVISIONS)
def test_a_programme_that_came_later_is_not_known_yet(newest: dict[UUID, int], late: UUID, revision: int) -> None:
    known = read_tag(make_tag(newest), newest | {late: revision})
    assert late not in known or late in newest
    assert all(newest[key] == value for key, value in known.items())


@given(NEWEST, st.data())
def test_a_revision_that_is_still_to_come_is_not_known(newest: dict[UUID, int], data: st.DataObject) -> None:
    ahead = {key: value + data.draw(st.integers(0, 3)) for key, value in newest.items()}
    known = read_tag(make_tag(ahead), newest)
    assert known == {key: value for key, value in ahead.items() if value == newest[key]}


@given(st.text() | st.from_regex(r"[0-9a-f]{30,34}-[0-9.]{1,30}"), NEWEST)
def test_any_text_is_a_tag_or_none(tag: str, newest: dict[UUID, int]) -> None:
    known = read_tag(tag, newest)
    assert all(value <= newest[key] for key, value in known.items())


def test_a_tag_without_end_is_not_looked_at() -> None:
    program_id = UUID(int=1)
    assert read_tag(f"{program_id.hex}-1." * 1000, {program_id: 5}) == {}
