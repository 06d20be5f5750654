"""Where Google fetches a card's pictures from: it takes no files, only addresses, and keeps what it fetched.

Both are drawn by us: the logo square, as Google cuts it to a circle, and the wide picture of how full a card is. An
address says what is on it, and changes with the design.
"""

import hashlib
from urllib.parse import urlsplit
from uuid import UUID

from app.config import Settings
from app.models import Program
from wallet import designs, strips
from wallet.card_face import CardFace, Stamps

PATH = "/wallet/google"
_VERSION_DIGITS = 12


def public_url(settings: Settings) -> str:
    """Return this server's address as others know it."""
    return settings.base_url or f"http://{settings.host}:{settings.port}"


def callback_url(settings: Settings) -> str:
    """Return where Google says that a card was saved or deleted; it calls https alone."""
    return f"{public_url(settings)}{PATH}/callbacks"


def origins(settings: Settings) -> list[str]:
    """Return the sites on which our links stand."""
    parts = urlsplit(public_url(settings))
    return [f"{parts.scheme}://{parts.netloc}"]


def logo_url(settings: Settings, program_id: UUID, face: CardFace) -> str:
    """Return the programme's logo: Google takes no class without one."""
    return f"{public_url(settings)}{PATH}/{program_id.hex}/logo.png?v={_version(face)}"


def hero_url(settings: Settings, program_id: UUID, face: CardFace) -> str | None:
    """Return the picture of a card as full as this one, or the design's own; None for cards that show neither."""
    if face.strip_style == "image":
        return face.strip_url
    look = strips.look_of(face)
    if look is None:
        return None
    name = f"{look.count}-{look.goal}.png"
    return f"{public_url(settings)}{PATH}/{program_id.hex}/hero/{name}?v={_version(face)}"


def plain_face(program: Program) -> CardFace:
    """Return a face of the programme that nobody has: what its logo is drawn from."""
    return designs.frame(program, None).face(description="", strip_style="plain")


def face_so_full(program: Program, *, count: int, goal: int) -> CardFace | None:
    """Return a face of the programme that is as full as an address says; None for what none can be."""
    if goal == 0:
        return _drawn(program, strip_style="progress", progress=count / 100) if count <= 100 else None  # noqa: PLR2004 - percent
    if count > goal:
        return None
    return _drawn(program, strip_style="stamps", stamps=Stamps(count=count, goal=goal, name=""))


def _drawn(program: Program, **shown: object) -> CardFace:
    return designs.frame(program, None).face(description="", **shown)


def _version(face: CardFace) -> str:
    colours = face.colours
    parts = (colours.background, colours.foreground, colours.label, face.stamp_icon, face.program_name, face.logo_url)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:_VERSION_DIGITS]
