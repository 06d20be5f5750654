"""The forty members of the demo: who they are and when they come. The same each time: chance is a hash here."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, TypeVar
from zoneinfo import ZoneInfo

T = TypeVar("T")
Kind = Literal["join", "visit", "purchase"]

DAYS = 91
_NEWEST_DAYS = 4
_NAMES = (
    "Camille Laurent", "Léa Martin", "Hugo Bernard", "Chloé Dubois", "Nathan Robert", "Manon Richard", "Lucas Durand",
    "Emma Leroy", "Louis Simon", "Jade Michel", "Gabriel Garcia", "Louise David", "Arthur Bertrand", "Alice Roux",
    "Jules Vincent", "Lina Fournier", "Adam Morel", "Rose Girard", "Raphaël André", "Anna Lefebvre", "Maël Mercier",
    "Mila Dupont", "Noah Lambert", "Inaya Bonnet", "Ethan François", "Sofia Martinez", "Paul Legrand", "Julia Garnier",
    "Sacha Faure", "Zoé Rousseau", "Tom Blanc", "Eva Guérin", "Aaron Muller", "Nina Henry", "Yanis Roussel",
    "Agathe Nicolas", "Victor Perrin", "Olivia Morin", "Oscar Clément", "Amelia Wright",
)  # fmt: skip
_ACCENTS = str.maketrans("éèëêçï", "eeeeci")
_WEEKLY = (3.0, 1.2, 0.8, 0.5, 0.3)
"""Visits a week: from the regular of every other morning to who passes by."""
_BY_WEEKDAY = (1.0, 1.1, 1.1, 1.1, 1.3, 1.4, 0.0)
"""Monday to Sunday: Saturdays are full, on Sundays the café is closed."""
_HOURS = (time(7, 40), time(8, 15), time(8, 50), time(10, 20), time(12, 30), time(13, 15), time(16, 0), time(17, 45))
_PRICES = (250, 320, 380, 450, 680, 890, 1150, 1420, 1890)
_MEAL = 1000
"""Who pays more than this, in cents, took a meal, and does not always take a coffee."""
_NO_COFFEE = 0.4
_TELL = 0.6
"""How many of the members tell a phone number or a birthday."""
_FAITHFUL = 0.85
"""How often a member comes to the store that is nearer."""


@dataclass(frozen=True, slots=True)
class Person:
    """A member to be; `weekly` is how often they come, `since_days` how long ago they joined."""

    number: int
    first_name: str
    last_name: str
    email: str
    phone: str | None
    birth_on: date | None
    locale: str
    weekly: float
    since_days: int
    home: int


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that a person does, when (UTC) and in which of the stores; `amount` in cents."""

    at: datetime
    person: Person
    kind: Kind
    store: int
    amount: int | None = None


def draw(*parts: object) -> float:
    """Return a number from 0 to below 1 that looks like chance and is the same for the same parts."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def pick(options: Sequence[T], *parts: object) -> T:
    """Return one of the options, chosen by `draw`."""
    return options[int(draw(*parts) * len(options))]


def people() -> list[Person]:
    """Return the forty, the first being the regular whose card the demo shows."""
    return [_person(number, *name.split(" ", 1)) for number, name in enumerate(_NAMES)]


def moments(today: date, zone: ZoneInfo, until: datetime) -> list[Moment]:
    """Return what the forty did in the three months before `until` (aware), in the order in which it happened."""
    found: list[Moment] = []
    for person in people():
        days = [today - timedelta(days=step) for step in range(person.since_days, -1, -1)]
        open_days = [day for day in days if _BY_WEEKDAY[day.weekday()]]
        first, *later = (_at_counter(person, day, zone) for day in open_days)
        found += [Moment(first[0].at - timedelta(minutes=2), person, "join", first[0].store), *first]
        found += [moment for one in later if _comes(person, one[0].at.date()) for moment in one]
    return sorted((moment for moment in found if moment.at < until), key=lambda moment: (moment.at, moment.kind))


def _person(number: int, first_name: str, last_name: str) -> Person:
    plain = f"{first_name}.{last_name}".lower().translate(_ACCENTS)
    return Person(
        number=number,
        first_name=first_name,
        last_name=last_name,
        email=f"{plain}@example.com",
        # 555-01xx rings nowhere: kept for fiction by the North American plan. France's such numbers count as invalid.
        phone=f"+120255501{number:02d}" if draw("phone", number) < _TELL else None,
        birth_on=_birthday(number) if draw("birth", number) < _TELL else None,
        locale="en" if last_name == "Wright" else "fr",
        weekly=_WEEKLY[0] if number == 0 else pick(_WEEKLY[1:], "weekly", number),
        since_days=DAYS - int(draw("since", number) ** 3 * (DAYS - _NEWEST_DAYS)) if number else DAYS,
        home=number % 2,
    )


def _birthday(number: int) -> date:
    return date(1955, 1, 1) + timedelta(days=int(draw("birthday", number) * 365 * 50))


def _comes(person: Person, day: date) -> bool:
    return draw("comes", person.number, day) < person.weekly * _BY_WEEKDAY[day.weekday()] / sum(_BY_WEEKDAY)


def _at_counter(person: Person, day: date, zone: ZoneInfo) -> list[Moment]:
    local = datetime.combine(day, pick(_HOURS, "hour", person.number, day), zone)
    at = (local + timedelta(seconds=int(draw("second", person.number, day) * 1500))).astimezone(UTC)
    store = person.home if draw("store", person.number, day) < _FAITHFUL else 1 - person.home
    amount = pick(_PRICES, "price", person.number, day)
    bought = Moment(at, person, "purchase", store, amount)
    if amount > _MEAL and draw("coffee", person.number, day) < _NO_COFFEE:
        return [bought]
    return [bought, Moment(at + timedelta(seconds=20), person, "visit", store)]
