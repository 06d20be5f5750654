"""The condition `spend`."""

from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, case, func

from app.models import Activity
from app.money import AMOUNT_MAX
from app.parameters import about
from app.segments.kinds import CONDITIONS, DAYS_MAX, Comparison, Condition, Context, compare_total


@CONDITIONS.register("spend")
@dataclass(frozen=True, slots=True, kw_only=True)
class Spend(Condition):
    """What the member paid in the days, less what was given back in them."""

    op: Comparison = field(default="at_least", metadata=about("How the sum compares with the amount."))
    amount: int = field(
        metadata=about("In minor units: 5000 is 50.00 EUR.", example=5000, minimum=0, maximum=AMOUNT_MAX)
    )
    within_days: int | None = field(
        default=None,
        metadata=about(
            "Only today and so many days before, in the programme's zone; ever when left out.",
            example=90, minimum=0, maximum=DAYS_MAX,
        ),
    )  # fmt: skip

    def clause(self, context: Context) -> ColumnElement[bool]:
        amount = case((Activity.reverses_activity_id.is_(None), Activity.amount), else_=-Activity.amount)
        paid = func.coalesce(func.sum(amount), 0)
        return compare_total(context, paid, self.op, self.amount, within_days=self.within_days, reversals=True)
