"""The door to rewards: every kind loaded, and what the rest of the application calls."""

from app.rewards.kinds import (
    REWARDS,
    RewardValue,
    describe,
    dump_value,
    json_schemas,
    load_value,
    references,
)

REWARDS.load("app.rewards.values")

__all__ = ["REWARDS", "RewardValue", "describe", "dump_value", "json_schemas", "load_value", "references"]
