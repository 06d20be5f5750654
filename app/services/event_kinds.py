"""The kinds of events that we publish: what webhooks may ask for, and what each one says."""

PING = "webhook.ping"

EVENT_KINDS = {
    "activity.recorded": "A purchase, a visit or another activity was counted; `data` has what it gave",
    "activity.reversed": "An activity was taken back, wholly or in part",
    "campaign.cancelled": "A campaign was stopped for good",
    "campaign.finished": "A campaign has told everybody",
    "campaign.paused": "A campaign was paused",
    "campaign.resumed": "A paused campaign goes on",
    "campaign.scheduled": "A campaign was given its time",
    "campaign.started": "A campaign began to send",
    "card.blocked": "A card was blocked",
    "card.claimed": "Somebody signed in who holds a card made at a poster",
    "card.replaced": "A card was replaced by another",
    "card.unblocked": "A blocked card works again",
    "consent.changed": "A member gave or withdrew a consent",
    "delivery.opened": "A member opened a message",
    "entry.posted": "A balance moved without an activity: burnt, adjusted, expired",
    "member.joined": "Somebody became a member",
    "reward.redeemed": "A member bought a reward",
    "voucher.expired": "A voucher ran out",
    "voucher.issued": "A member received a voucher",
    "voucher.used": "A voucher was honoured",
    "voucher.void": "A voucher was taken back",
    "webhook.disabled": "A webhook was given up, after days of failure or at its receiver's wish",
    "zone.entered": "The app said that a member who allows offers is near a store",
    PING: "A test of one webhook, sent to it alone",
}
"""Each kind with what it tells. Who publishes a new kind enters it here; a test compares this with the source."""

EVERY = "*"
"""In place of kinds: all of them, also those to come."""
