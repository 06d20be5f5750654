"""The reward `cash`."""

from dataclasses import dataclass, field

from app.money import AMOUNT_MAX
from app.parameters import about
from app.rewards.kinds import REWARDS, Locale, RewardValue
from app.rewards.wording import money


@REWARDS.register("cash")
@dataclass(frozen=True, slots=True, kw_only=True)
class Cash(RewardValue):
    """Money into the member's money purse: points become cash-back."""

    purse_id: str = field(
        metadata=about("The money purse that receives.", example="prs_0190163d8694739b8aaa1b7a5f0c1d2e", ref="purse")
    )
    amount: int = field(metadata=about("In minor units.", example=1000, minimum=1, maximum=AMOUNT_MAX))

    def describe(self, locale: Locale, currency: str | None = None) -> str:
        text = money(self.amount, currency, locale)
        return f"{text} dans votre cagnotte" if locale == "fr" else f"{text} in your purse"
