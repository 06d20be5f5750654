"""Faces, pictures and packages to try things on."""

import io
import zipfile
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache

from PIL import Image

from wallet.card_face import (
    AppLink,
    CardFace,
    Colours,
    FaceField,
    FaceVoucher,
    Link,
    Nfc,
    Place,
    RelevantSpan,
    Stamps,
)
from wallet.platforms.apple import package
from wallet.platforms.apple.signing import Signer

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
TOKEN = "0123456789abcdef0123456789abcdef"
SERVICE = "https://loyalty.example/passkit"
SIZES = {"icon": (29, 29), "logo": (160, 50), "strip": (375, 123)}
NFC_KEY = "MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgACJu/OvQ7p40pmkYfhizqRIrL3M5RbZJzJ+fkh6fna2BI="


@cache
def images() -> Mapping[str, bytes]:
    return {
        f"{name}{suffix}.png": png(width * scale, height * scale)
        for name, (width, height) in SIZES.items()
        for scale, suffix in ((1, ""), (2, "@2x"), (3, "@3x"))
    }


def png(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (20, 90, 60)).save(buffer, "PNG")
    return buffer.getvalue()


def field(key: str, area: str, **values: object) -> FaceField:
    return FaceField(key=key, area=area, **{"label": key.title(), "value": "x", **values})  # type: ignore[arg-type]


CARD = CardFace(
    program_name="Café Lumière",
    description="Carte de fidélité de Café Lumière",
    title="Café Lumière",
    locale="fr",
    locales=("fr", "en", "ar"),
    strings={
        "en": {"Points": "Points", "Prochain cadeau": "Next reward", "Vous avez %@ points": "You have %@ points"},
        "ar": {"Points": "نقاط", "Prochain cadeau": "الهدية التالية", "Vous avez %@ points": "لديك %@ نقطة"},
    },
    member_name='Zoë "Zed" O\'Néill',
    card_number="1234 5678",
    barcode_text="A1ABCDEFGHJKMNPQRS1",
    barcode_caption="1234 5678",
    colours=Colours(background="#0f5a3c", foreground="#ffffff", label="#c8e6d7"),
    stamps=Stamps(count=3, goal=10, name="Cafés"),
    vouchers=(FaceVoucher(name="Un café offert"),),
    fields=(
        field("points", "header", label="Points", value=1250, kind="number", change_message="Vous avez %@ points"),
        field("next_reward", "secondary", label="Prochain cadeau", value="Un café offert"),
        field("purse_cash", "auxiliary", label="Cagnotte", value=1234, kind="money", currency="EUR"),
        field("expiry", "auxiliary", label="Valable jusqu'au", value=date(2027, 3, 31), kind="date"),
        field("next_visit", "back", label="Prochain atelier", value=NOON, kind="instant"),
        field("contact_mail", "back", label="Nous écrire", value="bonjour@lumiere.example"),
    ),
    links=(Link(label="Conditions d'usage", url="https://lumiere.example/terms?a=1&b=2"),),
    locations=(Place(latitude=48.8566, longitude=2.3522, text="Un café vous attend"),),
    max_distance_m=200,
    relevant=(RelevantSpan(start=NOON), RelevantSpan(start=NOON, end=datetime(2026, 11, 23, tzinfo=UTC))),
    expires_at=datetime(2028, 1, 1, tzinfo=UTC),
    app=AppLink(apple_store_id=123456789, launch_url="lumiere://card"),
    nfc=Nfc(message="A1ABCDEFGHJKMNPQRS1", public_key=NFC_KEY, requires_authentication=True),
    grouping="lumiere",
)

VOUCHER = CardFace(
    style="voucher",
    program_name="Café Lumière",
    description="Bon de Café Lumière",
    title="Un café offert",
    locale="fr",
    locales=("fr",),
    barcode_text="V1ABCDEFGHJKMN1",
    barcode_format="code128",
    colours=Colours(background="#102030", foreground="#ffffff", label="#cccccc"),
    fields=(
        field("offer", "primary", label="Offert", value="Un café"),
        field("contact_mail", "back", label="Nous écrire", value="bonjour@lumiere.example"),
    ),
    expires_at=datetime(2027, 1, 1, tzinfo=UTC),
)


def build(signer: Signer, face: CardFace = CARD, **changed: object) -> bytes:
    """Return a package of a face as a phone would get it."""
    asked: dict[str, object] = {"serial": "crd-1", "token": TOKEN, "service_url": SERVICE, "at": NOON, **changed}
    return b"".join(package.build(face, images(), signer, **asked))  # type: ignore[arg-type]


def files_of(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name) for name in opened.namelist()}


def zipped(files: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """Return an archive written by the standard library, of any paths."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return buffer.getvalue()
