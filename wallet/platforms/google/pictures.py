"""Where Google fetches a card's pictures from: it takes no files, only addresses, and keeps what it fetched.

Both are drawn by us: the logo square, as Google cuts it to a circle, and the wide picture of how full a card is. An
address says what is on it, and changes with the design.
"""

import hashlib
import hmac
from urllib.parse import urlsplit
from uuid import UUID

from app import ids
from app.config import Settings
from app.crypto import Keyring
from app.models import Program
from wallet import designs, strips
from wallet.card_face import CardFace, Stamps

PATH = "/wallet/google"
_VERSION_DIGITS = 12
_SEAL_DIGITS = 16


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


class PictureAddresses:
    """Makes addresses of pictures, and knows its own: drawing is work, which strangers shall not ask for."""

    def __init__(self, settings: Settings, keyring: Keyring) -> None:
        self._root = f"{public_url(settings)}{PATH}"
        self._keyring = keyring

    def logo_url(self, program_id: UUID, face: CardFace) -> str:
        """Return where the programme's logo is: Google takes no class without one."""
        return f"{self._root}/{program_id.hex}/logo.png?v={version(face)}"

    def hero_url(self, program_id: UUID, face: CardFace) -> str | None:
        """Return where a card's picture is: how full it is, or the design's own; None where it shows neither."""
        if face.strip_style == "image":
            return face.strip_url
        look = strips.look_of(face)
        if look is None:
            return None
        seal = _seal(self._keyring, program_id, look.count, look.goal)
        return f"{self._root}/{program_id.hex}/hero/{look.count}-{look.goal}-{seal}.png?v={version(face)}"

    def is_ours(self, program_id: UUID, count: int, goal: int, seal: str) -> bool:
        """Tell whether the address of such a picture was made here, also with a key that is being replaced."""
        made = (_seal(keys, program_id, count, goal) for keys in self._keyring.each())
        return any(ids.same(seal, one) for one in made)


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


def version(face: CardFace) -> str:
    """Return what changes when the programme's look does."""
    colours = face.colours
    parts = (colours.background, colours.foreground, colours.label, face.stamp_icon, face.program_name, face.logo_url)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:_VERSION_DIGITS]


def _seal(keyring: Keyring, program_id: UUID, count: int, goal: int) -> str:
    said = f"{program_id.hex}/{count}-{goal}".encode()
    return hmac.digest(keyring.derive("google wallet pictures"), said, "sha256").hex()[:_SEAL_DIGITS]
