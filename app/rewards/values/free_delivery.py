"""The reward `free_delivery`."""

from dataclasses import dataclass

from app.rewards.kinds import REWARDS, Locale, RewardValue


@REWARDS.register("free_delivery")
@dataclass(frozen=True, slots=True, kw_only=True)
class FreeDelivery(RewardValue):
    """A purchase delivered for nothing."""

    def describe(self, locale: Locale, currency: str | None = None) -> str:
        del currency
        return "Livraison offerte" if locale == "fr" else "Free delivery"
