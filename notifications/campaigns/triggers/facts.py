"""The triggers that are published events, each time that one is recorded."""

from notifications.campaigns.triggers import TRIGGERS, Kind

for _event in (
    "member.joined", "voucher.used", "voucher.expired", "reward.redeemed", "entry.posted", "tier.reached",
):  # fmt: skip
    TRIGGERS.register(_event)(Kind(hears=frozenset({_event})))
