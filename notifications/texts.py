"""What transactional messages say, by kind of event and language. Names fill them, never balances or personal data."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

FALLBACK = "en"


@dataclass(frozen=True, slots=True)
class Text:
    """A title and a body; `{program}` and `{voucher}` stand for names, `{day}` for a day in words."""

    title: str
    body: str

    def filled(self, **names: str) -> "Text":
        """Return the text with the names in place."""
        return Text(self.title.format(**names), self.body.format(**names))


TEXTS: dict[str, dict[str, Text]] = {
    "voucher.issued": {
        "fr": Text("{program}", "{voucher} : c'est à vous. Présentez-le à votre prochaine visite."),
        "en": Text("{program}", "{voucher}: it is yours. Show it on your next visit."),
    },
    "card.claimed": {
        "fr": Text(
            "{program}",
            "Votre carte a été créée le {day} depuis une affiche. Si ce n'était pas vous, remplacez-la : son code "
            "cesse aussitôt de fonctionner.",
        ),
        "en": Text(
            "{program}",
            "Your card was made on {day} at a poster. If that was not you, replace it: its code stops at once.",
        ),
    },
    "card.replaced": {
        "fr": Text(
            "{program}",
            "Une carte à votre nom avait été créée le {day} depuis une affiche. Pour votre sécurité, elle a un nouveau "
            "code : présentez celui de l'application, l'ancien ne fonctionne plus.",
        ),
        "en": Text(
            "{program}",
            "A card was made for you on {day} at a poster. To keep it safe it has a new code: show the one in the "
            "app, the old one has stopped.",
        ),
    },
}

_MONTHS = {
    "fr": (
        "janvier", "février", "mars", "avril", "mai", "juin",
        "juillet", "août", "septembre", "octobre", "novembre", "décembre",
    ),
    "en": (
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ),
}  # fmt: skip


def choose(kind: str, locales: Iterable[str | None]) -> Text:
    """Return the text of `kind` in the first of `locales` that we speak, or else in English."""
    return TEXTS[kind][language(locales)]


def language(locales: Iterable[str | None]) -> str:
    """Return the language of the first of `locales` that we speak, or else English.

    Only a locale's language counts (BCP 47: `fr-CA` and `fr_CA` are read as `fr`).
    """
    for locale in locales:
        found = (locale or "").replace("_", "-").split("-")[0].lower()
        if found in _MONTHS:
            return found
    return FALLBACK


def day(of: date, spoken: str) -> str:
    """Return a day in words of a language that we speak: `22 November 2026`, `1er mars 2027`."""
    number = "1er" if spoken == "fr" and of.day == 1 else str(of.day)
    return f"{number} {_MONTHS[spoken][of.month - 1]} {of.year}"
