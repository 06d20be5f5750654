"""The condition `field`."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import ColumnElement, Numeric, case, cast, false, func, not_

from app.models import Member
from app.parameters import about
from app.segments.kinds import CONDITIONS, Condition, Context, compare

_NUMBER_MAX = 2**53 - 1


@CONDITIONS.register("field")
@dataclass(frozen=True, slots=True, kw_only=True)
class CustomField(Condition):
    """A field that the programme keeps of its members, compared with a text, a number or true and false.

    A member without the field satisfies only `absent` and `is_not`; a text is never at least a number.
    """

    name: str = field(metadata=about("The field's name.", example="favourite"))
    op: Literal[
        "is", "is_not", "at_least", "at_most", "more_than", "less_than", "present", "absent"
    ] = field(metadata=about("How it compares.", example="is"))  # fmt: skip
    text: str | None = field(default=None, metadata=about("The text to compare with.", example="espresso"))
    number: int | None = field(
        default=None, metadata=about("The number to compare with.", minimum=-_NUMBER_MAX, maximum=_NUMBER_MAX)
    )
    flag: bool | None = field(default=None, metadata=about("The truth to compare with."))

    def problems(self) -> Iterable[tuple[str, str]]:
        given = [name for name in ("text", "number", "flag") if getattr(self, name) is not None]
        if self.op in {"present", "absent"}:
            for name in given:
                yield name, f"has no place beside `{self.op}`"
        elif self.op in {"is", "is_not"}:
            if len(given) != 1:
                yield "op", "takes one of `text`, `number` and `flag`"
        elif given != ["number"]:
            yield "op", "takes a `number`, and nothing else"

    def clause(self, context: Context) -> ColumnElement[bool]:  # noqa: ARG002 - the same in all programmes
        present: ColumnElement[bool] = Member.fields.has_key(self.name)
        if self.op == "present" or self.op == "absent":  # noqa: PLR1714 - mypy narrows by ==
            return present if self.op == "present" else not_(present)
        if self.op == "is" or self.op == "is_not":  # noqa: PLR1714 - mypy narrows by ==
            same: ColumnElement[bool] = Member.fields.contains({self.name: self._value()})
            return same if self.op == "is" else not_(same)
        value = Member.fields[self.name]
        number = cast(value.astext, Numeric)
        # CASE holds the cast back from what is no number; AND would not promise that.
        return case((func.jsonb_typeof(value) == "number", compare(number, self.op, self.number)), else_=false())

    def _value(self) -> Any:
        return next(value for value in (self.text, self.number, self.flag) if value is not None)
