"""Groups of a campaign's audience, as chance drew them, and how much more one of them did than those held out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.services.intervals import Amounts, Interval, mean_difference, rate_difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """What a group of members did: `members` by chance's choice, `reached` who were sent a message.

    `revenue` counts every member, with the zeros, in minor units.
    """

    members: int
    reached: int
    visited: int
    reached_visited: int
    revenue: Amounts

    @property
    def visit_rate(self) -> float:
        """The share of members who came; 0 for nobody."""
        return self.visited / self.members if self.members else 0.0

    def __add__(self, other: "Arm") -> "Arm":
        """Put two groups together."""
        return Arm(
            members=self.members + other.members,
            reached=self.reached + other.reached,
            visited=self.visited + other.visited,
            reached_visited=self.reached_visited + other.reached_visited,
            revenue=Amounts(
                self.revenue.count + other.revenue.count,
                self.revenue.total + other.revenue.total,
                self.revenue.squares + other.revenue.squares,
            ),
        )


NOBODY = Arm(members=0, reached=0, visited=0, reached_visited=0, revenue=Amounts(0, 0, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Uplift:
    """How much more members came and spent than those held out; None where it cannot be told, and `why` not."""

    visit_rate: Interval | None
    revenue_per_member: Interval | None
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """Groups by variant and the group held out. The last window closes at `complete_at`, None without any message."""

    variants: Mapping[str | None, Arm]
    held_out: Arm
    complete_at: datetime | None

    @property
    def treated(self) -> Arm:
        """All variants together. A member who got two variants, in two runs, is in both."""
        return sum(self.variants.values(), NOBODY)

    def uplift(self, arm: Arm) -> Uplift:
        """Return what a group has more than the one held out."""
        if not self.held_out.members:
            return Uplift(visit_rate=None, revenue_per_member=None, why="Nobody was held out.")
        rate = rate_difference(arm.visited, arm.members, self.held_out.visited, self.held_out.members)
        if rate is None:
            return Uplift(visit_rate=None, revenue_per_member=None, why="Too few members in a group to tell.")
        return Uplift(visit_rate=rate, revenue_per_member=mean_difference(arm.revenue, self.held_out.revenue))
