"""What transactional messages say, by kind of event and language. Names fill them, never balances or personal data."""

from collections.abc import Iterable
from dataclasses import dataclass

FALLBACK = "en"


@dataclass(frozen=True, slots=True)
class Text:
    """A title and a body; `{program}` and `{voucher}` stand for names."""

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
}


def choose(kind: str, locales: Iterable[str | None]) -> Text:
    """Return the text of `kind` in the first of `locales` that we speak, or else in English.

    Only a locale's language counts (BCP 47: `fr-CA` and `fr_CA` are read as `fr`).
    """
    spoken = TEXTS[kind]
    for locale in locales:
        language = (locale or "").replace("_", "-").split("-")[0].lower()
        if language in spoken:
            return spoken[language]
    return spoken[FALLBACK]
