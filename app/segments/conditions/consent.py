"""The condition `consent`."""

from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy import ColumnElement, not_

from app.parameters import about
from app.segments.kinds import CONDITIONS, Condition, Context
from app.segments.people import allows


@CONDITIONS.register("consent")
@dataclass(frozen=True, slots=True, kw_only=True)
class Consent(Condition):
    """What the member said last about a channel and a purpose. Who said nothing allows nothing."""

    channel: Literal["push", "email", "sms", "wallet"] = field(metadata=about("The channel.", example="email"))
    purpose: Literal["offers", "profiling", "partners"] = field(default="offers", metadata=about("The purpose."))
    granted: bool = field(default=True, metadata=about("Whether it is allowed."))

    def clause(self, context: Context) -> ColumnElement[bool]:  # noqa: ARG002 - the same in all programmes
        allowed = allows(self.channel, self.purpose)
        return allowed if self.granted else not_(allowed)
