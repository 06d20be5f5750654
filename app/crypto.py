"""Keys and ciphers: everything secret at rest is sealed or hashed with keys derived from one."""

import base64
import hashlib
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app import ids

_NONCE_BYTES = 12


class Keyring:
    """The keys of one installation, derived from its secret key by purpose (HKDF, RFC 5869).

    Sealing is AES-256-GCM with a random 96-bit nonce in front (NIST SP 800-38D §8.2.2); `context` is
    authenticated with it, so that a sealed value cannot be moved to another row.

    `fallbacks` are secret keys that are still read, or read already, while the installation goes from one to another:
    nothing is made with them, and whoever checks what was made goes through `each`.
    """

    def __init__(self, secret_key: str, *fallbacks: str) -> None:
        self._root = base64.urlsafe_b64decode(secret_key + "==")
        self._sealing = AESGCM(self.derive("sealing"))
        self._contacts = self.derive("contacts")
        self.fallbacks = tuple(Keyring(one) for one in fallbacks)

    def each(self) -> tuple["Keyring", ...]:
        """Return the keyrings by which something may have been made, this one first."""
        return (self, *self.fallbacks)

    def derive(self, purpose: str) -> bytes:
        """Return the 32-byte key for `purpose`; the same each time, unrelated between purposes."""
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"assidu/{purpose}".encode()).derive(self._root)

    def seal(self, plain: bytes, *, context: bytes) -> bytes:
        """Return `plain` encrypted, bound to `context`."""
        nonce = ids.secret_bytes(_NONCE_BYTES)
        return nonce + self._sealing.encrypt(nonce, plain, context)

    def unseal(self, sealed: bytes, *, context: bytes) -> bytes:
        """Return what `seal` was given; raise cryptography's InvalidTag when it was changed or moved."""
        try:
            return self._sealing.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)
        except InvalidTag:
            for one in self.fallbacks:
                if (plain := one.opened(sealed, context=context)) is not None:
                    return plain
            raise

    def opened(self, sealed: bytes, *, context: bytes) -> bytes | None:
        """Return what this very key sealed, or None: fallbacks are not asked."""
        try:
            return self._sealing.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)
        except (InvalidTag, ValueError):
            # ValueError: it is too short to be sealed by anybody.
            return None

    def contact_hash(self, contact: str) -> bytes:
        """Return a keyed hash of a normalised e-mail address or phone number, to look it up without storing it."""
        return hmac.new(self._contacts, contact.encode(), hashlib.sha256).digest()

    def role_password(self, role: str) -> str:
        """Return the password of one of our database roles, so that one environment file suffices."""
        return self.derive(f"database role {role}").hex()


def new_secret_key() -> str:
    """Return a fresh secret key as the settings take it."""
    return base64.urlsafe_b64encode(ids.secret_bytes(32)).decode().rstrip("=")
