"""How many messages go out together: so many that the wire is busy, so few that a stop takes hold soon."""

from dataclasses import dataclass

SLICE_LEAST = 100
"""As many as a connection of HTTP/2 to FCM carries side by side."""
SLICE_SECONDS = 0.5
"""How long a slice should take at most. Before each, pauses, leases and consents are looked at once more, so that a
stop takes hold well within 2 seconds while the wire is slow, and costs little while it is fast."""
SLICE_ONCE_MAX = 20
"""Where a copy would be a second message: how many are uncertain when a worker dies."""


@dataclass
class Pace:
    """How many messages go out together: doubled while that is quick, halved when it is slow.

    Never fewer than `least`, which begin at the same moment whatever the wire: fewer would not stop sooner.
    """

    size: int
    most: int
    least: int = 1

    def learn(self, seconds: float) -> None:
        """Take note of how long a slice took."""
        if seconds < SLICE_SECONDS / 2:
            self.size = min(self.size * 2, self.most)
        elif seconds > SLICE_SECONDS:
            self.size = max(self.size // 2, self.least)
