"""The condition `store`."""

from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, exists

from app import ids
from app.models import Activity, Member
from app.parameters import about
from app.segments.kinds import CONDITIONS, DAYS_MAX, Condition, Context, own_activities


@CONDITIONS.register("store")
@dataclass(frozen=True, slots=True, kw_only=True)
class Store(Condition):
    """The member was at one of these stores, whatever for."""

    store_ids: tuple[str, ...] = field(
        metadata=about("The stores.", example=["sto_0190163d8694739b8aaa1b7a5f0c1d2e"], ref="store")
    )
    within_days: int | None = field(
        default=None,
        metadata=about(
            "Only today and so many days before, in the programme's zone; ever when left out.",
            example=90, minimum=0, maximum=DAYS_MAX,
        ),
    )  # fmt: skip

    def clause(self, context: Context) -> ColumnElement[bool]:
        wanted = [ids.parse("store", text) for text in self.store_ids]
        there = own_activities(context, within_days=self.within_days)
        return exists().select_from(Activity).where(there, Activity.store_id.in_(wanted)).correlate(Member)
