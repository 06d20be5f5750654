"""The condition `balance`."""

from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, case, func, select

from app import ids
from app.models import Account, Member, Purse
from app.money import AMOUNT_MAX
from app.parameters import about
from app.segments.kinds import CONDITIONS, Comparison, Condition, Context, compare


@CONDITIONS.register("balance")
@dataclass(frozen=True, slots=True, kw_only=True)
class Balance(Condition):
    """What the member holds in a purse, compared with an amount. What has run out does not count."""

    purse_id: str = field(metadata=about("The purse.", example="prs_0190163d8694739b8aaa1b7a5f0c1d2e", ref="purse"))
    op: Comparison = field(default="at_least", metadata=about("How the balance compares with the amount."))
    amount: int = field(
        metadata=about("Points, stamps, or minor units.", example=100, minimum=-AMOUNT_MAX, maximum=AMOUNT_MAX)
    )

    def clause(self, context: Context) -> ColumnElement[bool]:
        # As `app.services.holdings` tells it: expiry is booked by a job, so what is due and not booked is taken off.
        slides = Purse.expiry["policy"].astext == "inactivity"
        gone = func.run_out(Account.program_id, Account.id, context.now, slides)
        left = case(
            (Account.next_expiry_at <= context.now, Account.balance - func.greatest(gone - Account.held, 0)),
            else_=Account.balance,
        )
        held = (
            select(left)
            .join(Purse, (Purse.program_id == Account.program_id) & (Purse.id == Account.purse_id))
            .where(
                Account.program_id == Member.program_id,
                Account.member_id == Member.id,
                Account.purse_id == ids.parse("purse", self.purse_id),
            )
            .correlate(Member)
            .scalar_subquery()
        )
        return compare(func.coalesce(held, 0), self.op, self.amount)
