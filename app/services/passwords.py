"""Passwords and one-time codes at rest: argon2id, and which passwords are too weak to be taken."""

import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app import ids
from app.errors import invalid_field

PASSWORD_MIN = 12
PASSWORD_MAX = 200

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""OWASP's password storage cheat sheet: argon2id with 19 MiB, two passes, one lane. Some 40 ms."""

NOBODYS_HASH = _HASHER.hash(ids.secret_text())
"""What is compared when there is nobody: an unknown address costs as much as a wrong password."""

_DISTINCT_MIN = 5
_NAME_MIN = 4
_COMMON = frozenset(
    {
        "password", "passw0rd", "p@ssword", "p@ssw0rd", "motdepasse", "azerty", "azertyuiop", "qwerty",
        "qwertyuiop", "qwertz", "letmein", "welcome", "bienvenue", "bonjour", "iloveyou", "jetaime", "doudou",
        "loulou", "soleil", "chouchou", "marseille", "paris", "football", "admin", "administrator",
        "administrateur", "changeme", "secret", "superman", "batman", "starwars", "monkey", "dragon",
        "princess", "sunshine", "princesse", "abcdefgh", "abcdefghijkl", "trustno", "cafe", "restaurant",
        "boutique", "loyalty", "fidelite", "assidu", "azertyqwerty", "qwertyazerty", "passwordpassword",
        "motdepassemotdepasse",
    }
)  # fmt: skip


def make_hash(secret: str) -> str:
    """Return the argon2id hash of a password or a code, with its parameters and its own salt."""
    return _HASHER.hash(_canonical(secret))


def matches(known: str, given: str) -> bool:
    """Tell whether `given` is the secret behind the hash `known`; a hash that none of ours made matches nothing."""
    try:
        return _HASHER.verify(known, _canonical(given))
    except (VerificationError, InvalidHashError):
        return False


def check_strength(password: str, *, email: str, pointer: str = "#/password") -> None:
    """Raise InvalidError about a password that is short, common or made of the address (OWASP ASVS 5.0, 6.2).

    Length is what counts: nobody is made to add a digit or a sign.
    """
    bare = _canonical(password).lower()
    name = email.partition("@")[0]
    if len(bare) < PASSWORD_MIN:
        raise invalid_field(pointer, f"Use {PASSWORD_MIN} characters or more; a few words make a good one.")
    if len(set(bare)) < _DISTINCT_MIN:
        raise invalid_field(pointer, "Use more different characters.")
    if email in bare or (len(name) >= _NAME_MIN and name in bare):
        raise invalid_field(pointer, "Do not use the e-mail address in the password.")
    if _word(bare) in _COMMON | {""}:
        raise invalid_field(pointer, "This password is among the first that are guessed.")


def _word(password: str) -> str:
    # What is left without the digits and signs at both ends, and without repetition.
    word = password.strip("0123456789!?.*-_#$ ")
    return word[: (word + word).find(word, 1)] if word else ""


def _canonical(secret: str) -> str:
    # The same password is typed as different code points on different keyboards (NIST SP 800-63B §3.1.1.2).
    return unicodedata.normalize("NFKC", secret)
