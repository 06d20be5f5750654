"""What can go wrong with a scanned text.

InvalidError
├── NotACardError            the text is no code of ours, or a forged one
└── UnknownSigningKeyError   an offline code signed with a key that is not held here
ConflictError
└── OfflineCodeExpiredError  an offline code outside its window
"""

from app.errors import ConflictError, InvalidError

SCAN_AGAIN = "This is not a code of a card or a voucher: scan the card's QR code again."
JOIN_POSTER = (
    "This is a join poster's QR code, not a card: scan the QR code on the customer's card, "
    "or let the customer open the poster's link to get one."
)


class NotACardError(InvalidError):
    """The text is no code of ours. Malformed, mistyped and forged texts are told apart by nobody."""

    slug = "not-a-card"
    title = "Not a card"

    def __init__(self, detail: str = SCAN_AGAIN) -> None:
        super().__init__(detail)


class UnknownSigningKeyError(InvalidError):
    """An offline code names a signing key that is not held here, or no longer."""

    slug = "unknown-signing-key"
    title = "Unknown signing key"

    def __init__(self, key_id: int) -> None:
        super().__init__(
            f"The code was signed with key {key_id}, which is not held here: fetch the current keys, "
            "let the app go online once, and scan again.",
            key_id=key_id,
        )


class OfflineCodeExpiredError(ConflictError):
    """An offline code was scanned before or after its window; the times are unix seconds."""

    slug = "offline-code-expired"
    title = "Offline code expired"

    def __init__(self, *, valid_from: int, valid_until: int, at: int) -> None:
        early = at < valid_from
        super().__init__(
            f"The code is not valid for another {valid_from - at} s: check the till's clock, and scan the "
            "code that the app shows now."
            if early
            else f"The code expired {at - valid_until} s ago: scan the code that the app shows now.",
            valid_from=valid_from,
            valid_until=valid_until,
        )
