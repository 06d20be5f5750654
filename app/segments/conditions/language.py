"""The condition `language`."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement

from app.parameters import about
from app.segments.kinds import CONDITIONS, Condition, Context
from app.segments.people import speaks

_TAG_MAX = 35


@CONDITIONS.register("language")
@dataclass(frozen=True, slots=True, kw_only=True)
class Language(Condition):
    """The member reads one of these languages: what the member chose, else the app, else the programme's own."""

    languages: tuple[str, ...] = field(
        metadata=about("Language tags; `fr` stands for `fr-CA` too.", example=["fr", "pt-BR"])
    )

    def problems(self) -> Iterable[tuple[str, str]]:
        for tag in self.languages:
            plain = tag.replace("-", "")
            if len(tag) > _TAG_MAX or not (plain.isascii() and plain.isalnum()):
                yield "languages", f"has `{tag[:_TAG_MAX]}`, which is not a language tag such as fr or pt-BR"

    def clause(self, context: Context) -> ColumnElement[bool]:
        return speaks(context, self.languages)
