"""Conditions ask the database what they say, for the session's programme alone."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from app import ids, parameters
from app.db import Database
from app.models import Member
from app.segments.kinds import CONDITIONS
from app.segments.trees import leaves, load
from app.services import segments
from tests.world import World, make_world
from tests.world_members import enrol


def found(world: World, where: dict[str, Any]) -> set[UUID]:
    """Return who satisfies a tree, as a request sees it; the worker must see the same."""
    with world.database.transaction(world.program_id) as session:
        clause = segments.audience(session, {"where": where})
        web = set(session.scalars(select(Member.id).where(Member.program_id == world.program_id, clause)))
    with world.database.across_programs() as session:
        clause = segments.audience(session, {"where": where}, program_id=world.program_id)
        worker = set(session.scalars(select(Member.id).where(Member.program_id == world.program_id, clause)))
    assert web == worker
    return web


@pytest.mark.parametrize("kind", list(CONDITIONS))
def test_every_kind_reads_its_own_example_and_runs(world: World, kind: str) -> None:
    member = enrol(world)
    example = {"kind": kind, **parameters.example(CONDITIONS[kind])}

    assert [leaf.kind for leaf in leaves(load(example))] == [kind]
    assert found(world, {"all": [example]}) <= {member.id}
    assert found(world, {"any": [example, {"none": [example]}]}) == {member.id}


def test_an_empty_audience_is_everybody_of_the_programme(world: World, database: Database) -> None:
    member = enrol(world)
    enrol(make_world(database))

    with database.across_programs() as session:
        clause = segments.audience(session, {}, program_id=world.program_id)
        rows = session.scalars(select(Member.id).where(Member.program_id == world.program_id, clause))
        assert list(rows) == [member.id]
    assert ids.show("member", member.id).startswith("mbr_")
