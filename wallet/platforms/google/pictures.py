"""Where Google fetches a card's pictures from: it takes no files, only addresses, and keeps what it fetched."""

import hashlib
from urllib.parse import urlsplit
from uuid import UUID

from app.config import Settings
from wallet.card_face import CardFace

PATH = "/wallet/google"
CALLBACK_PATH = f"{PATH}/callbacks"
_VERSION_DIGITS = 12


def public_url(settings: Settings) -> str:
    """Return this server's address as others know it."""
    return settings.base_url or f"http://{settings.host}:{settings.port}"


def callback_url(settings: Settings) -> str:
    """Return where Google says that a card was saved or deleted; it calls https alone."""
    return public_url(settings) + CALLBACK_PATH


def origins(settings: Settings) -> list[str]:
    """Return the sites on which our links stand."""
    parts = urlsplit(public_url(settings))
    return [f"{parts.scheme}://{parts.netloc}"]


def logo_url(settings: Settings, program_id: UUID, face: CardFace) -> str:
    """Return the programme's logo, or ours of it: Google takes no class without one."""
    return face.logo_url or f"{public_url(settings)}{PATH}/{program_id.hex}/logo.png?v={_version(face)}"


def stamps_url(settings: Settings, program_id: UUID, face: CardFace) -> str | None:
    """Return the picture of a stamp card as full as this one; None for cards without stamps on them.

    Its address changes with the colours, so that Google does not show what it once fetched.
    """
    if face.stamps is None or face.strip_style != "stamps":
        return None
    stamps = face.stamps
    return f"{public_url(settings)}{PATH}/{program_id.hex}/stamps/{stamps.count}-{stamps.goal}.png?v={_version(face)}"


def _version(face: CardFace) -> str:
    colours = face.colours
    seen = f"{colours.background} {colours.foreground} {colours.label} {face.program_name}"
    return hashlib.sha256(seen.encode()).hexdigest()[:_VERSION_DIGITS]
