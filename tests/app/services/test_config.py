"""The remembered set-up."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import event, select

from app import clock, ids
from app.db import Database
from app.errors import NotFoundError
from app.models import Program, RuleVersion, Store
from app.rules.facts import ActivityFacts, MemberFacts
from app.services import config, programs, purses, rewards, rules, stores
from app.services.config import ConfigCache, ProgramConfig
from tests.world import World, make_world


def write_setup(world: World, *, points: int = 5) -> tuple[UUID, UUID, UUID]:
    """Open a stamp card with its reward and a live rule; return their ids."""
    with world.database.transaction(world.program_id) as session:
        reward = rewards.create(
            session, name="Café", kind="free_item", value={"name": "Café"}, locales={"en": {"name": "Coffee"}}
        )
        purse = purses.create(session, code="card", name="Card", kind="stamps", goal=10, reward_id=reward.id)
        effect = {"kind": "fixed_points", "purse_id": ids.show("purse", purse.id), "points": points}
        document = {"name": "R", "when": {"activity": "visit"}, "effects": [effect], "status": "live"}
        rule = rules.create(session, document=document)
        rules.create(session, document=document | {"name": "Draft", "status": "draft"})
        return purse.id, reward.id, rule.id


def loaded(world: World) -> ProgramConfig:
    with world.database.transaction(world.program_id) as session:
        return config.load(session)


def version_of(world: World) -> int:
    with world.database.transaction(world.program_id) as session:
        return session.scalars(select(Program.config_version).where(Program.id == world.program_id)).one()


def test_the_whole_set_up_is_there(world: World) -> None:
    purse_id, reward_id, rule_id = write_setup(world)
    write_setup(make_world(world.database))

    found = loaded(world)

    assert (found.program_id, found.currency, found.zone.key) == (world.program_id, "EUR", "Europe/Paris")
    assert found.config_version == version_of(world)
    assert set(found.stores) == {world.store_id, world.other_store_id}
    assert set(found.purses) == set(found.purse_facts) == {purse_id}
    assert (found.purses[purse_id].goal, found.purses[purse_id].reward_id) == (10, reward_id)
    assert found.rewards[reward_id].name_in("en-GB") == "Coffee"
    assert found.rewards[reward_id].name_in("de") == "Café"
    assert [rule.id for rule in found.ruleset.rules] == [rule_id]


def test_rules_run_with_the_version_that_was_published(world: World) -> None:
    purse_id, _reward_id, rule_id = write_setup(world)
    with world.database.transaction(world.program_id) as session:
        version_id = session.scalars(select(RuleVersion.id).where(RuleVersion.rule_id == rule_id)).one()
    found = loaded(world)

    visit = ActivityFacts(kind="visit", occurred_at=clock.now(), zone=found.zone)
    (grant,) = found.ruleset.evaluate(visit, MemberFacts(), found.purse_facts).grants

    assert (grant.purse_id, grant.amount, grant.rule_version_id) == (purse_id, 5, version_id)


def test_a_paused_rule_does_not_run(world: World) -> None:
    _purse_id, _reward_id, rule_id = write_setup(world)

    with world.database.transaction(world.program_id) as session:
        rules.change(session, rules.hold(session, rule_id), values={"status": "paused"})

    assert loaded(world).ruleset.rules == ()


def test_old_versions_still_compile(world: World) -> None:
    _purse_id, _reward_id, rule_id = write_setup(world)
    before = loaded(world).ruleset.rules[0].version_id

    with world.database.transaction(world.program_id) as session:
        rules.archive(session, rules.hold(session, rule_id))
        old = config.ruleset_of(session, [before])

    assert [rule.version_id for rule in old.rules] == [before]


def test_what_is_archived_is_there_and_marked(world: World) -> None:
    with world.database.transaction(world.program_id) as session:
        stores.archive(session, stores.get(session, world.store_id))

    assert loaded(world).stores[world.store_id].archived


def test_the_same_version_is_read_once(world: World) -> None:
    cache, version = ConfigCache(world.database), version_of(world)

    with counted(world.database) as statements:
        first = cache.get(world.program_id, version)
        read = len(statements)
        second = cache.get(world.program_id, version)

    assert second is first
    assert read <= 6
    assert len(statements) == read


def test_a_change_is_seen_at_its_version(world: World) -> None:
    cache = ConfigCache(world.database)
    before = cache.get(world.program_id, version_of(world))

    with world.database.transaction(world.program_id) as session:
        programs.change(session, programs.hold(session), values={"redemptions_frozen": True})

    assert not before.redemptions_frozen
    assert cache.get(world.program_id, version_of(world)).redemptions_frozen


def test_without_a_version_a_change_is_seen_within_five_seconds(world: World) -> None:
    cache = ConfigCache(world.database)
    with clock.held(clock.now()):
        cache.get(world.program_id)
        rename(world, "Port")

        clock.advance(timedelta(seconds=4))
        young = cache.get(world.program_id).stores[world.store_id].name
        clock.advance(timedelta(seconds=1))
        old = cache.get(world.program_id).stores[world.store_id].name

    assert (young, old) == ("Bastille", "Port")


def test_who_holds_an_older_version_is_given_the_newer_set_up(world: World) -> None:
    cache, before = ConfigCache(world.database), version_of(world)
    rename(world, "Port")
    newer = cache.get(world.program_id, version_of(world))

    assert cache.get(world.program_id, before) is newer


def test_only_so_many_programmes_are_remembered(database: Database) -> None:
    cache = ConfigCache(database, programs_max=2)
    first, second, third = (make_world(database) for _ in range(3))
    for one in (first, second, third):
        cache.get(one.program_id)

    with counted(database) as statements:
        cache.get(third.program_id)
        cache.get(second.program_id)
        remembered = len(statements)
        cache.get(first.program_id)

    assert remembered == 0
    assert len(statements) > 0


def test_what_was_forgotten_is_read_anew(world: World) -> None:
    cache = ConfigCache(world.database)
    first = cache.get(world.program_id)

    cache.forget(world.program_id)

    assert cache.get(world.program_id) is not first


def test_many_threads_read_a_programme_once(world: World) -> None:
    cache, version = ConfigCache(world.database), version_of(world)
    found: list[ProgramConfig] = []
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait()
        found.append(cache.get(world.program_id, version))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({id(one) for one in found}) == 1
    assert len(found) == 8


def test_an_unknown_programme_is_not_found(database: Database) -> None:
    with pytest.raises(NotFoundError):
        ConfigCache(database).get(ids.new_id(), 1)


def rename(world: World, name: str) -> None:
    """Give the first store another name."""
    with world.database.transaction(world.program_id) as session:
        store: Store = stores.get(session, world.store_id)
        stores.change(session, store, values={"name": name})


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """Collect the statements that the web role sends."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(database.web, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(database.web, "before_cursor_execute", note)
