"""The reward `amount_off`."""

from dataclasses import dataclass, field

from app.money import AMOUNT_MAX
from app.parameters import about
from app.rewards.kinds import REWARDS, Locale, RewardValue
from app.rewards.wording import money


@REWARDS.register("amount_off")
@dataclass(frozen=True, slots=True, kw_only=True)
class AmountOff(RewardValue):
    """A fixed amount off a purchase; the till never gives change for what it leaves unused."""

    amount: int = field(metadata=about("In minor units.", example=500, minimum=1, maximum=AMOUNT_MAX))
    currency: str = field(metadata=about("ISO 4217.", example="EUR", text_format="currency"))

    def describe(self, locale: Locale, currency: str | None = None) -> str:
        del currency
        text = money(self.amount, self.currency, locale)
        return f"{text} de remise" if locale == "fr" else f"{text} off"
