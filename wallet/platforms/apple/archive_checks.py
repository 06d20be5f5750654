"""The archive of a finished pass: what is in it, whether the manifest says the same, and its pictures' sizes."""

import hashlib
import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from wallet.platforms.apple import archive
from wallet.platforms.apple.findings import Finding

REQUIRED: Final = ("pass.json", "manifest.json", "signature", "icon.png")
UNSIGNED: Final = frozenset({"manifest.json", "signature"})
BYTES_MAX: Final = 150_000_000
"""What all files of a package or a bundle may have together; nothing larger is unpacked."""
FILES_MAX: Final = 500
PICTURE: Final = re.compile(
    r"(icon|logo|strip|thumbnail|background|footer|personalizationLogo|primaryLogo|secondaryLogo|artwork)(@[23]x)?\.png"
)
ROOM_POINTS: Final = {"icon": (38, 38), "logo": (160, 50), "strip": (375, 144), "thumbnail": (90, 90)}
"""The largest that Wallet shows, in points: a picture @2x may have twice as many pixels."""
_IHDR: Final = struct.Struct(">8sI4sII")


def read(package: bytes) -> tuple[dict[str, bytes], list[Finding]]:
    """Return the files of a package by their paths, and what is wrong with the archive; nothing of a broken one."""
    try:
        with zipfile.ZipFile(io.BytesIO(package)) as opened:
            infos = opened.infolist()
            if len(infos) > FILES_MAX or sum(info.file_size for info in infos) > BYTES_MAX:
                return {}, [_found("archive-too-large", "The package has far more in it than any pass needs.")]
            files = {info.filename: opened.read(info) for info in infos if not info.is_dir()}
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error, EOFError, OSError, ValueError):
        return {}, [_found("archive-broken", "This is not a zip archive that can be read: it was cut or changed.")]
    return files, [*_entries(infos), *_presence(files)]


def of_manifest(files: Mapping[str, bytes]) -> Iterator[Finding]:
    """Yield where `manifest.json` and the files differ: Wallet opens nothing that is not listed, hash by hash."""
    try:
        manifest: Any = json.loads(files["manifest.json"])
    except (ValueError, RecursionError):
        manifest = None
    if not isinstance(manifest, dict):
        yield _found("manifest-unreadable", "`manifest.json` is not a JSON object.")
        return
    there = files.keys() - UNSIGNED
    for path in sorted(there - manifest.keys()):
        yield _found("file-not-listed", f"`{path}` is in the package and not in the manifest.")
    for path in sorted(manifest.keys() - there):
        yield _found("file-missing", f"`{path}` is in the manifest and not in the package.")
    for path in sorted(there & manifest.keys()):
        if manifest[path] != hashlib.sha1(files[path], usedforsecurity=False).hexdigest():
            says = (
                f"`{path}` is not the file that was signed: its SHA-1 is not the manifest's (lower-case hexadecimal)."
            )
            yield _found("hash-differs", says)


def of_pictures(files: Mapping[str, bytes]) -> Iterator[Finding]:
    """Yield what is wrong with the pictures: no PNG, too large for their place, or not at the sizes of screens."""
    for path, content in sorted(files.items()):
        name = path.rpartition("/")[2]
        if not (known := PICTURE.fullmatch(name)):
            continue
        size = png_size(content)
        if size is None:
            yield Finding(code="not-a-png", about="pictures", says=f"`{path}` is not a PNG picture.")
            continue
        kind, scale = known[1], int((known[2] or "@1x")[1])
        room = ROOM_POINTS.get(kind)
        if room and (size[0] > room[0] * scale or size[1] > room[1] * scale):
            says = (
                f"`{path}` has {size[0]} x {size[1]} pixels where {room[0] * scale} x {room[1] * scale} are shown: "
                "Wallet scales it down or cuts it."
            )
            yield Finding(code="picture-large", about="pictures", says=says, stops=False)
    for name in ("icon", "logo", "strip"):
        if f"{name}.png" in files and not {f"{name}@2x.png", f"{name}@3x.png"} <= files.keys():
            says = f"`{name}@2x.png` and `{name}@3x.png` are not both there: it looks blurred on today's screens."
            yield Finding(code="picture-coarse", about="pictures", says=says, stops=False)


def png_size(content: bytes) -> tuple[int, int] | None:
    """Return width and height of a PNG, in pixels; None for anything else."""
    if len(content) < _IHDR.size:
        return None
    magic, _, kind, width, height = _IHDR.unpack_from(content)
    return (width, height) if magic == b"\x89PNG\r\n\x1a\n" and kind == b"IHDR" else None


def _entries(infos: list[zipfile.ZipInfo]) -> Iterator[Finding]:
    names = [info.filename for info in infos]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield _found("file-twice", f"`{name}` is in the package twice.")
    for info in infos:
        if info.is_dir():
            says = f"The package has an entry for the folder `{info.filename}`; files alone are enough."
            yield _found("folder-entry", says, stops=False)
        elif not archive.PATH.fullmatch(info.filename):
            says = f"`{info.filename}` does not belong in a pass (a hidden file, or a path that leads elsewhere)."
            yield _found("stray-file", says)
    if any(info.compress_type != zipfile.ZIP_STORED for info in infos):
        says = "Files are compressed in the archive; stored ones are what every version of Wallet reads."
        yield _found("compressed", says, stops=False)


def _presence(files: Mapping[str, bytes]) -> Iterator[Finding]:
    inner = next((path for path in files if path.endswith("/pass.json")), None)
    if inner and "pass.json" not in files:
        says = f"Everything is one folder too deep (`{inner}`): zip the files of the folder, not the folder."
        yield _found("folder-too-deep", says)
        return
    for path in REQUIRED:
        if path not in files:
            yield _found("file-absent", f"`{path}` is missing: Wallet opens no pass without it.")


def _found(code: str, says: str, *, stops: bool = True) -> Finding:
    return Finding(code=code, about="package", says=says, stops=stops)
