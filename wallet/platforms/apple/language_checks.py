"""The languages of a finished pass: `<tag>.lproj/pass.strings`, read as phones read them."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from wallet.platforms.apple.findings import Finding

FILE: Final = re.compile(r"([A-Za-z]{2,3}(?:-[A-Za-z0-9]+)*)\.lproj/pass\.strings")
_PAIR: Final = re.compile(r'\s*"((?:[^"\\]|\\.)*)"\s*=\s*"((?:[^"\\]|\\.)*)"\s*;')
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_CONTROLS: Final = {"n": "\n", "r": "\r", "t": "\t"}


def read(content: bytes) -> dict[str, str]:
    """Return the words of a `.strings` file, UTF-16 with its mark or UTF-8; raise ValueError for anything else."""
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = content.decode("utf-16" if wide else "utf-8-sig")
    words, at = {}, 0
    while at < len(text):
        if not (pair := _PAIR.match(text, at)):
            if text[at:].strip():
                raise ValueError(f"not a pair of texts: {text[at : at + 40]!r}")
            break
        words[_plain(pair[1])] = _plain(pair[2])
        at = pair.end()
    return words


def of_languages(files: Mapping[str, bytes]) -> Iterator[Finding]:
    """Yield what is wrong with the languages: unreadable, not of the same words, or a place for a value lost."""
    languages: dict[str, dict[str, str]] = {}
    for path, content in sorted(files.items()):
        if named := FILE.fullmatch(path):
            try:
                languages[named[1]] = read(content)
            except ValueError:
                says = f'`{path}` cannot be read: pairs `"a" = "b";` in UTF-16 or UTF-8 are expected.'
                yield Finding(code="strings-unreadable", about="languages", says=says)
    every = set().union(*languages.values()) if languages else set()
    for tag, words in languages.items():
        for key in sorted(every - words.keys())[:1]:
            says = f"The language `{tag}` lacks {len(every - words.keys())} texts that others have, such as {key!r}."
            yield Finding(code="strings-missing", about="languages", says=says, stops=False)
        for key, text in words.items():
            if "%@" in key and "%@" not in text:
                says = f"{key!r} loses `%@` in `{tag}`: phones of that language say nothing when the field changes."
                yield Finding(code="strings-silent", about="languages", says=says, stops=False)


def _plain(text: str) -> str:
    return _ESCAPE.sub(lambda found: _CONTROLS.get(found[1], found[1]), text)
