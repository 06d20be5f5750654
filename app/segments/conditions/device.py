"""The condition `device`."""

from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy import ColumnElement

from app.parameters import about
from app.segments.kinds import CONDITIONS, Condition, Context
from app.segments.people import DEVICE_DAYS, has_device


@CONDITIONS.register("device")
@dataclass(frozen=True, slots=True, kw_only=True)
class Device(Condition):
    """The member has the app on one of these platforms, and it was heard of in the days."""

    platforms: tuple[Literal["ios", "android", "web"], ...] = field(
        default=(), metadata=about("The platforms; any when left out.", example=["ios"])
    )
    within_days: int = field(
        default=DEVICE_DAYS, metadata=about("Last heard of at most so many days ago.", minimum=1, maximum=DEVICE_DAYS)
    )

    def clause(self, context: Context) -> ColumnElement[bool]:
        return has_device(context, platforms=self.platforms, within_days=self.within_days)
