"""The reward `free_item`."""

from dataclasses import dataclass, field

from app.parameters import about
from app.rewards.kinds import REWARDS, Locale, RewardValue


@REWARDS.register("free_item")
@dataclass(frozen=True, slots=True, kw_only=True)
class FreeItem(RewardValue):
    """A product for nothing."""

    name: str = field(metadata=about("The product, as members read it.", example="Café allongé"))
    sku: str | None = field(default=None, metadata=about("The product, as the till knows it.", example="CAF-2"))

    def describe(self, locale: Locale, currency: str | None = None) -> str:
        del currency
        return f"Offert : {self.name}" if locale == "fr" else f"Free: {self.name}"
