"""The condition `minimum_amount`."""

from dataclasses import dataclass, field

from app.money import AMOUNT_MAX
from app.parameters import about
from app.rules.facts import ActivityFacts, MemberFacts
from app.rules.kinds import CONDITIONS, Condition, Predicate


@CONDITIONS.register("minimum_amount")
@dataclass(frozen=True, slots=True, kw_only=True)
class MinimumAmount(Condition):
    """The activity's amount reaches a minimum. A refund that takes it below takes the rule's grant back."""

    minimum: int = field(
        metadata=about("In minor units: 2500 is 25.00 EUR.", example=2500, minimum=1, maximum=AMOUNT_MAX)
    )

    def compile(self) -> Predicate:
        minimum = self.minimum

        def reaches(activity: ActivityFacts, _member: MemberFacts) -> bool:
            return activity.amount is not None and activity.amount >= minimum

        return reaches

    def words(self) -> str:
        return f"an amount of at least {self.minimum} minor units"
