"""The messages that every contestant sends: a campaign's, about 750 bytes, each with a person's own words."""

import uuid
from typing import Any

TITLE = "A coffee on us, {name}"
BODY = "Hello {name}, you have {stamps} stamps: come by until Sunday and the next coffee is ours. See you soon!"
NAMES = ("Marie", "José", "Zoë", "Ahmed", "Łukasz", "Anna", "Noah", "Léa")
LINK = "https://cafe.example/offers/autumn"


def parts(number: int) -> dict[str, Any]:
    """Return what one person's message is made of."""
    name = NAMES[number % len(NAMES)]
    return {
        "id": uuid.UUID(int=(0x019A << 112) | number),
        "address": f"phone{number:07d}:APA91b{'x' * 120}",
        "title": TITLE.format(name=name),
        "body": BODY.format(name=name, stamps=number % 10),
        "data": {"kind": "campaign", "program": "prg_" + "1" * 32, "campaign": "cmp_" + "2" * 32},
    }
