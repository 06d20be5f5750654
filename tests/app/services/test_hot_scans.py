"""The hot path writes what the ordinary path writes, in two round trips."""

from typing import Any

import pytest
from sqlalchemy import select

from app import clock, ids
from app.codes.grammar import parse
from app.db import Database, Session
from app.db.hot import HotTransaction
from app.models import Account, Activity, Entry, Event, IdempotencyKey, Lot
from app.services import activities, config, hot_scans, rule_sets, scans, tills
from app.services.happenings import Happening
from app.services.hot_scans import HotScan, NotPlain
from app.services.tills import Told
from tests.world import World, make_world
from tests.world_till import Cafe, Guest, make_cafe, make_guest

CHANCE = {"id", "entry_id", "account_id", "activity_id", "card_id", "member_id", "recorded_at", "rule_id"} | {
    "rule_version_id", "rule_set_id", "program_id", "store_id", "partner_id", "available_from", "lease_until", "data"
}  # fmt: skip


@pytest.mark.parametrize("items", [(), ({"sku": "espresso", "quantity": 2, "amount": 500},)])
def test_both_paths_write_the_same_rows(database: Database, items: tuple[Any, ...]) -> None:
    hot, ordinary = _cafe(database), _cafe(database)
    said: dict[str, Any] = {"kind": "purchase", "occurred_at": clock.now(), "amount": 1250, "items": items}

    _hot(hot, **said)
    _ordinary(ordinary, **said)

    assert _rows(hot) == _rows(ordinary)


def test_a_plain_scan_takes_two_round_trips(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[HotTransaction] = []

    class Counted(HotTransaction):
        def __init__(self, connection: Any) -> None:
            super().__init__(connection)
            made.append(self)

    monkeypatch.setattr(hot_scans, "HotTransaction", Counted)
    _hot(_cafe(database), kind="visit", occurred_at=clock.now())

    assert [one.trips for one in made] == [2]


def test_the_tenth_stamp_is_left_to_the_ordinary_path(database: Database) -> None:
    cafe, guest = _cafe(database)
    for _ in range(9):
        _hot((cafe, guest), kind="visit", occurred_at=clock.now())

    with pytest.raises(NotPlain):
        _hot((cafe, guest), kind="visit", occurred_at=clock.now())

    with database.transaction(cafe.world.program_id) as session:
        assert session.scalar(select(Account.balance).where(Account.purse_id == cafe.stamps)) == 9


def test_an_unknown_card_is_refused_and_nothing_is_written(database: Database, world: World) -> None:
    cafe = make_cafe(world)
    stranger = make_guest(make_cafe(make_world(database)))

    with pytest.raises(scans.UnknownCardError):
        _hot((cafe, stranger), kind="visit", occurred_at=clock.now())


def _cafe(database: Database) -> tuple[Cafe, Guest]:
    cafe = make_cafe(make_world(database), expiry={"policy": "end_of", "unit": "year", "after": 1})
    return cafe, make_guest(cafe)


def _hot(who: tuple[Cafe, Guest], **said: Any) -> str:
    cafe, guest = who
    database = cafe.world.database
    with database.transaction(cafe.world.program_id) as session:
        setup = config.load(session)
        rule_sets.remember(session, setup.ruleset)
    code = parse(guest.code)
    scan = HotScan(
        program_id=cafe.world.program_id, code=code, happening=Happening(store_id=cafe.world.store_id, **said),
        scope="s", key=ids.new_id().hex, fingerprint=b"x",
    )  # fmt: skip
    return hot_scans.attempt(database, setup, scan, render=_render)[0]


def _render(told: Told) -> str:
    return told.member_id.hex


def _ordinary(who: tuple[Cafe, Guest], **said: Any) -> None:
    cafe, guest = who
    database = cafe.world.database
    with database.transaction(cafe.world.program_id) as session:
        setup = config.load(session)
        found = scans.recognise(session, database.keyring, parse(guest.code))
        happening = Happening(store_id=cafe.world.store_id, card_id=found.card.id, **said)
        recorded = activities.record(session, setup, database.keyring, member=found.member, happening=happening)
        tills.tell(session, setup, database.keyring, recorded, found.member, found.card)
        session.add(
            IdempotencyKey(
                scope="s", key=ids.new_id().hex, fingerprint=b"x", recorded_at=clock.now(), status=201,
                answer=found.member.id.hex, permanent=True,
            )
        )  # fmt: skip


def _rows(who: tuple[Cafe, Guest]) -> list[dict[str, Any]]:
    cafe, _guest = who
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        return [
            {name: value for name, value in _columns(row).items() if name not in CHANCE | {"key", "answer", "purse_id"}}
            for table in (Activity, Entry, Lot, Account, Event, IdempotencyKey)
            for row in _all(session, table)
            if table is not Event or row.kind == "activity.recorded"
        ]


def _all(session: Session, table: Any) -> list[Any]:
    order = table.key if table is IdempotencyKey else table.purse_id if table is Account else table.id
    return list(session.scalars(select(table).order_by(order)))


def _columns(row: Any) -> dict[str, Any]:
    return {column.name: getattr(row, column.name) for column in row.__table__.columns}
