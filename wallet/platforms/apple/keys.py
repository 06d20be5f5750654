"""What a programme's credential for Apple holds: what signs passes, and what speaks to APNs."""

import json
from dataclasses import dataclass, field

from wallet.platforms.apple import wwdr
from wallet.platforms.apple.provider_tokens import TokenLogin
from wallet.platforms.apple.push import CertificateLogin, Login


@dataclass(frozen=True, kw_only=True)
class AppleKeys:
    """A Pass Type ID certificate with its key and intermediate; all PEM.

    With `apns_key_pem` and `apns_key_id`, a team's signing key for APNs, pushes are sent under it: it does not end
    each year. Without, the certificate speaks for itself, as Apple's guide to passes has it.
    """

    certificate_pem: bytes
    key_pem: bytes = field(repr=False)
    intermediate_pem: bytes = wwdr.G4_PEM
    apns_key_pem: bytes | None = field(default=None, repr=False)
    apns_key_id: str | None = None

    @classmethod
    def read(cls, secret: bytes) -> "AppleKeys":
        """Read what `written` wrote."""
        kept = json.loads(secret)
        apns_key = kept.get("apns_key")
        return cls(
            certificate_pem=kept["certificate"].encode(),
            key_pem=kept["key"].encode(),
            intermediate_pem=kept["intermediate"].encode(),
            apns_key_pem=apns_key.encode() if apns_key else None,
            apns_key_id=kept.get("apns_key_id"),
        )

    def written(self) -> bytes:
        """Return it as it is sealed."""
        kept = {
            "certificate": self.certificate_pem.decode(),
            "key": self.key_pem.decode(),
            "intermediate": self.intermediate_pem.decode(),
        }
        if self.apns_key_pem is not None and self.apns_key_id is not None:
            kept |= {"apns_key": self.apns_key_pem.decode(), "apns_key_id": self.apns_key_id}
        return json.dumps(kept).encode()

    def login(self, team_id: str) -> Login:
        """Return what APNs is shown."""
        if self.apns_key_pem is not None and self.apns_key_id is not None:
            return TokenLogin(key_pem=self.apns_key_pem, key_id=self.apns_key_id, team_id=team_id)
        return CertificateLogin(
            certificate_pem=self.certificate_pem, key_pem=self.key_pem, chain_pem=self.intermediate_pem
        )
