"""The reward `access`."""

from dataclasses import dataclass, field

from app.parameters import about
from app.rewards.kinds import REWARDS, Locale, RewardValue


@REWARDS.register("access")
@dataclass(frozen=True, slots=True, kw_only=True)
class Access(RewardValue):
    """Entry to something kept for members: a private sale, a lounge, a tasting."""

    name: str = field(metadata=about("What it opens, as members read it.", example="Vente privée d'automne"))

    def describe(self, locale: Locale, currency: str | None = None) -> str:
        del currency
        return f"Accès : {self.name}" if locale == "fr" else f"Access: {self.name}"
