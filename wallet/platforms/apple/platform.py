"""Apple's wallet as the engine, the API and the doctor know it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from app.config import Settings
from wallet import images
from wallet.platforms import PLATFORMS, Asked, CheckedCredential, Courier, Credential, Handout
from wallet.platforms.apple import credential_checks, diagnosis, package, signing, uploads
from wallet.platforms.apple.courier import AppleCourier
from wallet.platforms.apple.keys import AppleKeys


class AppleWallet:
    """Apple's wallet: files that phones keep, and fetch anew when they are told to."""

    kind: ClassVar[str] = "apple"
    carries_face: ClassVar[bool] = True
    batch: ClassVar[int] = 1000

    def check(self, settings: Settings, document: Mapping[str, Any], now: datetime) -> CheckedCredential:
        """Check an upload whole, as `uploads` says; raise InvalidError naming everything wrong in it."""
        return uploads.check(document, now=now, authorities=uploads.trusted(settings))

    def type_of(self, credential: Credential) -> str:
        """Return the pass type identifier."""
        return str(credential.facts["pass_type_id"])

    def hand_out(self, settings: Settings, credentials: Sequence[Credential], asked: Asked) -> Handout:
        """Make the package, signed by the newest credential of its type; raise ValueError where there is none."""
        name = "voucher" if asked.face.style == "voucher" else "card"
        return Handout(
            chunks=_package(settings, _keys(credentials, asked.row.pass_type_id), asked),
            media_type=package.MEDIA_TYPE,
            filename=f"{name}.pkpass",
        )

    def complaints(
        self, settings: Settings, credentials: Sequence[Credential], asked: Asked | None, now: datetime
    ) -> list[str]:
        """Say what would stop a pass from opening and what soon will: of each credential, or of a whole sample pass."""
        trusted = uploads.trusted(settings)
        found = []
        for credential in credentials:
            keys = AppleKeys.read(credential.secret)
            found += credential_checks.of_credential(
                keys.certificate_pem, keys.key_pem, keys.intermediate_pem, now=now, authorities=trusted
            )
        if asked is not None and not diagnosis.stopping(found):
            made = _package(settings, _keys(credentials, asked.row.pass_type_id), asked)
            found += diagnosis.of_package(b"".join(made), now=now, authorities=trusted)
        said = [finding.says for finding in found]
        if asked is not None:
            said += _pictures(settings).problems(asked.face)
        return list(dict.fromkeys(said))

    def open(self, settings: Settings) -> Courier:
        """Open the courier, which pushes through APNs."""
        return AppleCourier(settings)


def _package(settings: Settings, keys: AppleKeys, asked: Asked) -> package.Chunks:
    return package.build(
        asked.face,
        _pictures(settings).of(asked.face),
        signing.signer(keys.certificate_pem, keys.key_pem, keys.intermediate_pem),
        serial=asked.row.serial,
        token=asked.token,
        service_url=asked.service_url,
    )


def _keys(credentials: Sequence[Credential], pass_type_id: str) -> AppleKeys:
    """Return the newest credential of a pass type; the newest comes first."""
    for credential in credentials:
        if credential.facts.get("pass_type_id") == pass_type_id:
            return AppleKeys.read(credential.secret)
    raise ValueError(f"there is no credential for the pass type {pass_type_id}")


def _pictures(settings: Settings) -> images.Images:
    return images.shared(loopback=settings.webhook_loopback == "allowed")


PLATFORMS.register("apple")(AppleWallet())
