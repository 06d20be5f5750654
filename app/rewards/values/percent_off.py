"""The reward `percent_off`."""

from dataclasses import dataclass, field

from app.money import AMOUNT_MAX
from app.parameters import about
from app.rewards.kinds import REWARDS, Locale, RewardValue
from app.rewards.wording import money, percentage


@REWARDS.register("percent_off")
@dataclass(frozen=True, slots=True, kw_only=True)
class PercentOff(RewardValue):
    """A percentage off a purchase, at most a maximum when one is set."""

    percent: str = field(
        metadata=about("An exact decimal.", example="10", text_format="decimal", minimum="0.000001", maximum="100")
    )
    maximum: int | None = field(
        default=None,
        metadata=about(
            "The most it takes off, in minor units of the programme's currency.",
            example=2000,
            minimum=1,
            maximum=AMOUNT_MAX,
        ),
    )

    def describe(self, locale: Locale, currency: str | None = None) -> str:
        text = percentage(self.percent, locale)
        text = f"{text} de remise" if locale == "fr" else f"{text} off"
        if self.maximum is None or currency is None:
            return text
        most = money(self.maximum, currency, locale)
        return f"{text}, {most} au plus" if locale == "fr" else f"{text}, up to {most}"
