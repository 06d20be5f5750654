"""A tree of conditions finds in SQL whom plain Python finds: random trees over random members."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app import clock, ids
from app.db import Database
from app.models import (
    Account,
    Activity,
    CampaignDelivery,
    CampaignRun,
    Consent,
    Member,
    SegmentMember,
)
from app.services import segment_previews, segments
from tests.world import World, make_world
from tests.world_members import make_customer, make_purse
from tests.world_segments import make_campaign, make_device, make_segment

ZONE = ZoneInfo("Pacific/Auckland")
NOWS = [
    datetime(2026, 12, 30, 23, 30, tzinfo=UTC),  # in Auckland it is the 31st already
    datetime(2027, 2, 27, 12, 0, tzinfo=UTC),  # the 28th, in a year without a 29th
    datetime(2028, 2, 28, 12, 0, tzinfo=UTC),  # the 29th
    datetime(2027, 4, 4, 12, 0, tzinfo=UTC),  # clocks went back on this day
]
BIRTHDAYS = [date(1990, 1, 1), date(1990, 12, 31), date(1992, 2, 29), date(1990, 2, 28), date(1990, 3, 1), None]
DAYS = [0, 1, 2, 30, 400]


@dataclass(frozen=True, kw_only=True)
class Person:
    """A member as the plain evaluation knows one. `activities` are (days ago, kind, amount, store, refund)."""

    balance: int | None
    birth_on: date | None
    locale: str | None
    app_locale: str | None
    platforms: tuple[tuple[str, int], ...]
    tags: tuple[str, ...]
    own: dict[str, Any]
    joined: int
    said: tuple[tuple[str, bool], ...]
    deliveries: tuple[str, ...]
    listed: bool
    activities: tuple[tuple[int, str, int, int, bool], ...] = field(default=())


persons = st.builds(
    Person,
    balance=st.sampled_from([None, 0, 5, 10]),
    birth_on=st.sampled_from(BIRTHDAYS),
    locale=st.sampled_from([None, "fr", "fr-CA", "en"]),
    app_locale=st.sampled_from([None, "en", "pt-BR"]),
    platforms=st.lists(
        st.tuples(st.sampled_from(["ios", "android", "web"]), st.sampled_from([1, 100, 300])), max_size=2
    ).map(tuple),
    tags=st.sets(st.sampled_from(["vip", "staff", 'a"b']), max_size=2).map(tuple),
    own=st.fixed_dictionaries({}, optional={"seats": st.sampled_from([3, 4, 4.5, "4", True]), "drink": st.just("tea")}),
    joined=st.sampled_from(DAYS),
    said=st.lists(st.tuples(st.sampled_from(["push", "email"]), st.booleans()), max_size=3).map(tuple),
    deliveries=st.lists(st.sampled_from(["sent", "opened", "skipped", "held_out"]), max_size=2).map(tuple),
    listed=st.booleans(),
    activities=st.lists(
        st.tuples(
            st.sampled_from(DAYS), st.sampled_from(["purchase", "visit", "review"]), st.sampled_from([100, 500]),
            st.sampled_from([0, 1]), st.sampled_from([False, False, True]),
        ),
        max_size=4,
    ).map(tuple),
)  # fmt: skip


def _choose(kind: str, **options: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"kind": st.just(kind), **options})


_ops = st.sampled_from(["at_least", "at_most", "exactly", "more_than", "less_than"])
_windows = st.sampled_from([None, *DAYS])
_conditions = st.one_of(
    _choose("balance", purse_id=st.just("PURSE"), op=_ops, amount=st.sampled_from([0, 5, 7])),
    _choose("visits", op=_ops, count=st.sampled_from([0, 1, 2]), within_days=_windows),
    _choose("visits", op=_ops, count=st.just(1), activities=st.just(["review"])),
    _choose("recency", last=st.sampled_from(["within", "before"]), days=st.sampled_from(DAYS)),
    _choose("spend", op=_ops, amount=st.sampled_from([0, 100, 600]), within_days=_windows),
    _choose("birthday", from_days=st.sampled_from([-2, 0]), to_days=st.sampled_from([0, 1, 2, 365])),
    _choose("store", store_ids=st.just(["STORE"]), within_days=_windows),
    _choose("language", languages=st.sampled_from([["fr"], ["FR-ca"], ["pt", "en"], ["mi"]])),
    _choose("consent", channel=st.sampled_from(["push", "email"]), granted=st.booleans()),
    _choose(
        "device", platforms=st.sampled_from([None, ["ios"], ["android", "web"]]), within_days=st.sampled_from([30, 270])
    ),
    _choose("tag", tags=st.sampled_from([["vip"], ['a"b', "staff"], ["none"]])),
    _choose(
        "field", name=st.just("seats"), op=st.sampled_from(["is", "is_not", "at_least", "less_than"]), number=st.just(4)
    ),
    _choose("field", name=st.just("drink"), op=st.sampled_from(["is", "is_not"]), text=st.just("tea")),
    _choose("field", name=st.just("seats"), op=st.sampled_from(["present", "absent"])),
    _choose(
        "campaign", campaign_id=st.just("CAMPAIGN"),
        did=st.sampled_from(["was_sent", "was_not_sent", "opened", "did_not_open"]),
    ),
    _choose("joined", when=st.sampled_from(["within", "before"]), days=st.sampled_from(DAYS)),
    _choose("tier", tier_ids=st.just(["gold"])),
    _choose("list", segment_id=st.just("LIST")),
)  # fmt: skip
trees = st.recursive(
    _conditions,
    lambda inner: st.tuples(st.sampled_from(["all", "any", "none"]), st.lists(inner, min_size=1, max_size=3)).map(
        lambda pair: {pair[0]: pair[1]}
    ),
    max_leaves=6,
)


# The plain evaluation: written from what each kind says it means, knowing nothing of SQL.


def holds(tree: dict[str, Any], person: Person, now: datetime) -> bool:
    if "all" in tree:
        return all(holds(part, person, now) for part in tree["all"])
    if "any" in tree:
        return any(holds(part, person, now) for part in tree["any"])
    if "none" in tree:
        return not any(holds(part, person, now) for part in tree["none"])
    return PLAIN[tree["kind"]](tree, person, now)


def _cmp(op: str, left: int, right: int) -> bool:
    return {
        "at_least": left >= right, "at_most": left <= right, "exactly": left == right, "more_than": left > right,
        "less_than": left < right,
    }[op]  # fmt: skip


def _within(row: tuple[int, str, int, int, bool], days: int | None) -> bool:
    return days is None or row[0] <= days


def _visits(tree: dict[str, Any], person: Person, _now: datetime) -> bool:
    kinds = tree.get("activities") or ["purchase", "visit"]
    rows = [
        row for row in person.activities if not row[4] and row[1] in kinds and _within(row, tree.get("within_days"))
    ]
    return _cmp(tree["op"], len(rows), tree["count"])


def _recency(tree: dict[str, Any], person: Person, _now: datetime) -> bool:
    came = [row[0] for row in person.activities if not row[4] and row[1] != "review"]
    if tree["last"] == "within":
        return any(days <= tree["days"] for days in came)
    return min([person.joined, *came]) > tree["days"]


def _spend(tree: dict[str, Any], person: Person, _now: datetime) -> bool:
    rows = [row for row in person.activities if _within(row, tree["within_days"])]
    return _cmp(tree["op"], sum(-row[2] if row[4] else row[2] for row in rows), tree["amount"])


def _birthday(tree: dict[str, Any], person: Person, now: datetime) -> bool:
    today, born = now.astimezone(ZONE).date(), person.birth_on
    if born is None:
        return False
    celebrated = []
    for year in range(today.year - 2, today.year + 3):
        try:
            celebrated.append(born.replace(year=year))
        except ValueError:
            celebrated.append(date(year, 2, 28))
    return any(tree["from_days"] <= (day - today).days <= tree["to_days"] for day in celebrated)


def _language(tree: dict[str, Any], person: Person, _now: datetime) -> bool:
    tag = (person.locale or person.app_locale or "fr").lower()
    return any(tag == wanted.lower() or tag.startswith(f"{wanted.lower()}-") for wanted in tree["languages"])


def _field(tree: dict[str, Any], person: Person, _now: datetime) -> bool:
    value = person.own.get(tree["name"])
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    wanted = tree.get("number", tree.get("text"))
    same = value == wanted and (is_number or isinstance(wanted, str))
    return {
        "present": tree["name"] in person.own, "absent": tree["name"] not in person.own, "is": same, "is_not": not same,
        "at_least": is_number and value >= 4, "less_than": is_number and value < 4,
    }[tree["op"]]  # fmt: skip


def _campaign(tree: dict[str, Any], person: Person, _now: datetime) -> bool:
    sent, opened = {"sent", "opened"} & set(person.deliveries), "opened" in person.deliveries
    return {
        "was_sent": bool(sent), "was_not_sent": not sent, "opened": opened, "did_not_open": bool(sent) and not opened
    }[tree["did"]]  # fmt: skip


PLAIN: dict[str, Callable[[dict[str, Any], Person, datetime], bool]] = {
    "balance": lambda tree, person, _: _cmp(tree["op"], person.balance or 0, tree["amount"]),
    "visits": _visits,
    "recency": _recency,
    "spend": _spend,
    "birthday": _birthday,
    "store": lambda tree, person, _: any(
        row[3] == 0 and not row[4] and _within(row, tree["within_days"]) for row in person.activities
    ),
    "language": _language,
    "consent": lambda tree, person, _: dict(person.said).get(tree["channel"], False) == tree["granted"],
    "device": lambda tree, person, _: any(
        age <= tree["within_days"] and platform in (tree["platforms"] or (platform,))
        for platform, age in person.platforms
    ),
    "tag": lambda tree, person, _: bool(set(tree["tags"]) & set(person.tags)),
    "field": _field,
    "campaign": _campaign,
    "joined": lambda tree, person, _: (person.joined <= tree["days"]) == (tree["when"] == "within"),
    "tier": lambda *_: False,
    "list": lambda _tree, person, _now: person.listed,
}


@dataclass(frozen=True)
class Named:
    """What trees name."""

    purse: UUID
    campaign: UUID
    listed: UUID


def _named(tree: Any, world: World, named: Named) -> Any:
    """Return a tree with real ids in the place of names, and without what is None."""
    known = {
        "PURSE": ids.show("purse", named.purse), "STORE": ids.show("store", world.store_id),
        "CAMPAIGN": ids.show("campaign", named.campaign), "LIST": ids.show("segment", named.listed),
    }  # fmt: skip
    if isinstance(tree, dict):
        return {key: _named(value, world, named) for key, value in tree.items() if value is not None}
    if isinstance(tree, list):
        return [_named(part, world, named) for part in tree]
    return known.get(tree, tree) if isinstance(tree, str) else tree


def _settle(database: Database, world: World, named: Named, person: Person, now: datetime) -> UUID:
    """Write a person into the programme as the description says."""

    def at(days: int) -> datetime:
        # Just after the day began: a window that is off by an hour, or in another zone, tells it from the day before.
        day = now.astimezone(ZONE).date() - timedelta(days=days)
        local = datetime(day.year, day.month, day.day, 0, 0, 30, tzinfo=ZONE)
        return min(local.astimezone(UTC), now)

    customer_id = None
    if person.app_locale or person.platforms:
        customer_id = make_customer(database, locale=person.app_locale).id
        for platform, age in person.platforms:
            make_device(world, customer_id, platform=platform, last_contact_at=now - timedelta(days=age))
    with database.transaction(world.program_id) as session:
        member = Member(
            joined_at=at(person.joined), customer_id=customer_id, birth_on=person.birth_on, locale=person.locale,
            tags=list(person.tags), fields=person.own,
        )  # fmt: skip
        session.add(member)
        session.flush()
        if person.balance is not None:
            session.add(Account(member_id=member.id, purse_id=named.purse, balance=person.balance))
        for channel, granted in person.said:
            session.add(Consent(member_id=member.id, channel=channel, purpose="offers", granted=granted, source="test"))
            session.flush()
        for days, kind, amount, store, refund in person.activities:
            place = (world.store_id, world.other_store_id)[store]
            session.add(
                Activity(
                    member_id=member.id, kind=kind, occurred_at=at(days), recorded_at=now, amount=amount,
                    store_id=place, reverses_activity_id=ids.new_id() if refund else None,
                )
            )  # fmt: skip
        for state in person.deliveries:
            run = CampaignRun(
                campaign_id=named.campaign, starts_at=now + timedelta(microseconds=ids.new_id().int % 10**12),
                definition={}, state="finished",
            )  # fmt: skip
            session.add(run)
            session.flush()
            session.add(
                CampaignDelivery(
                    run_id=run.id, campaign_id=named.campaign, member_id=member.id, channel="push", due_at=now,
                    state=state,
                )
            )  # fmt: skip
        if person.listed:
            session.add(SegmentMember(segment_id=named.listed, member_id=member.id))
        return member.id


@given(
    people=st.lists(persons, min_size=1, max_size=4),
    asked=st.lists(trees, min_size=12, max_size=12),
    now=st.sampled_from(NOWS),
)
@settings(
    max_examples=30,
    # Trees and people are small as they are found; making them smaller takes minutes of writing people.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)  # fmt: skip
def test_sql_finds_whom_python_finds(
    database: Database, people: list[Person], asked: list[dict[str, Any]], now: datetime
) -> None:
    world = make_world(database, timezone=ZONE.key)
    with clock.held(now):
        named = Named(make_purse(world), make_campaign(world), make_segment(world))
        found = {_settle(database, world, named, person, now): person for person in people}

        for tree in asked:
            where = {"all": [_named(tree, world, named)]}
            expected = {member_id for member_id, person in found.items() if holds(tree, person, now)}
            with database.transaction(world.program_id) as session:
                clause = segments.audience(session, {"where": where})
                assert set(session.scalars(select(Member.id).where(clause))) == expected, where
            with database.transaction(world.program_id) as session:
                assert segment_previews.count(session, {"where": where}) == len(expected), where
            with database.across_programs() as session:
                clause = segments.audience(session, {"where": where}, program_id=world.program_id)
                rows = session.scalars(select(Member.id).where(Member.program_id == world.program_id, clause))
                assert set(rows) == expected, where
