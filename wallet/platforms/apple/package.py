"""The `.pkpass`: a zip of `pass.json`, pictures, languages, the manifest of their hashes, and its signature.

Pictures are hashed once, as long as the same bytes objects are given again, and so are languages that say the same; of
each pass only `pass.json`, the manifest, the signature and what nobody else's card says are new.
"""

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from wallet.card_face import CardFace
from wallet.platforms.apple import archive, pass_json
from wallet.platforms.apple.pass_json import Particulars
from wallet.platforms.apple.signing import Signer

MEDIA_TYPE: Final = "application/vnd.apple.pkpass"
BUNDLE_MEDIA_TYPE: Final = "application/vnd.apple.pkpasses"
BUNDLE_MAX: Final = 10
BUNDLE_BYTES_MAX: Final = 150_000_000
ICON: Final = "icon.png"
DOCUMENT: Final = "pass.json"
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "signature"
Chunks = tuple[bytes, bytes]
"""A package on its way: the pictures, which are the same bytes object for many, and what is this pass's own."""
Words = tuple[tuple[str, str], ...]
"""A language's words: pairs of a text and its translation."""
_STILL: Final = 128
_LANGUAGES: Final = 1024
_as_json_text: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def build(
    face: CardFace,
    images: Mapping[str, bytes],
    signer: Signer,
    *,
    serial: str,
    token: str,
    service_url: str | None,
    at: datetime | None = None,
) -> Chunks:
    """Return the package of a face; `images` are PNG by their names in it (`icon.png`, `strip@2x.png`, …).

    `serial` and `token` are the pass's own and never change; `service_url` is where the phone asks for news (Wallet
    appends `/v1/…`). Signed as at `at` (now). Raises ValueError without an icon, or for a token below 16 characters.
    """
    facts = signer.facts
    particulars = Particulars(
        pass_type_id=facts.pass_type_id or "",
        team_id=facts.team_id or "",
        organization=face.program_name,
        serial=serial,
        token=token,
        service_url=service_url,
        nfc=facts.nfc,
    )
    return assemble(pass_json.document(face, particulars), images, signer, languages=pass_json.strings(face), at=at)


def assemble(
    pass_: Mapping[str, Any],
    images: Mapping[str, bytes],
    signer: Signer,
    *,
    languages: Mapping[str, Mapping[str, str]] | None = None,
    at: datetime | None = None,
) -> Chunks:
    """Return the package of any `pass.json`; raise ValueError without an icon, which Wallet demands."""
    still = _still(tuple(images.items()))
    words = [_language(tag, tuple(texts.items())) for tag, texts in (languages or {}).items()]
    content = _as_json(pass_)
    hashes = {path: digest for path, _, digest in words} | still.hashes
    manifest = _as_json({**hashes, DOCUMENT: hashlib.sha1(content, usedforsecurity=False).hexdigest()})
    own = ((DOCUMENT, content), (MANIFEST, manifest), (SIGNATURE, signer.sign(manifest, at=at)))
    return archive.close(still, (*((path, text) for path, text, _ in words), *own))


def bundle(packages: Sequence[bytes]) -> bytes:
    """Return several packages in one `.pkpasses`, which Safari adds at once.

    Raises ValueError for none, for more than ten, and above 150 MB.
    """
    if not 1 <= len(packages) <= BUNDLE_MAX:
        raise ValueError(f"a bundle holds 1 to {BUNDLE_MAX} passes")
    if sum(map(len, packages)) > BUNDLE_BYTES_MAX:
        raise ValueError(f"a bundle has at most {BUNDLE_BYTES_MAX:,} bytes")
    return archive.pack((f"pass-{place}.pkpass", one) for place, one in enumerate(packages, 1))


@functools.lru_cache(maxsize=_STILL)
def _still(images: tuple[tuple[str, bytes], ...]) -> archive.Part:
    """Return the pictures of passes that are as full, made ready once.

    Bytes objects remember their own hash: looking the same pictures up again costs nothing, however large they are.
    """
    if ICON not in dict(images):
        raise ValueError(f"a package needs `{ICON}`")
    return archive.part(images)


@functools.lru_cache(maxsize=_LANGUAGES)
def _language(tag: str, words: Words) -> tuple[str, bytes, str]:
    """Return a language's file: its path, its content and its hash. Raises ValueError for a tag that is no folder."""
    path = f"{tag}.lproj/pass.strings"
    if not archive.PATH.fullmatch(path):
        raise ValueError(f"not a language's folder: {path!r}")
    content = strings_file(words)
    return path, content, hashlib.sha1(content, usedforsecurity=False).hexdigest()


def strings_file(words: Words) -> bytes:
    """Return a language's words as a `.strings` file, in UTF-16 as Apple asks for beyond ASCII."""
    lines = (f'"{key.translate(_ESCAPES)}" = "{text.translate(_ESCAPES)}";\n' for key, text in words)
    return "".join(lines).encode("utf-16")


def _as_json(document: Mapping[str, Any]) -> bytes:
    return _as_json_text(document).encode()
