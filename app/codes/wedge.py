"""What a scanner meant that types as a keyboard, when its layout and the computer's differ.

Such a "wedge" scanner sends key positions. Set to QWERTY on an AZERTY computer (the factory setting in a
French shop), its `A1…` arrives as `Q&…`: letters change places and digits arrive unshifted. With the layout
right but Caps Lock on, only the digits change. The first two characters, which can only be A1, A2 or V1,
say which of the two happened.
"""

from collections.abc import Iterator

# AZERTY's digit row without shift, in capitals too; § and ! are the 6 and 8 of Belgian keyboards.
_SHIFTED = "à&é\"'(-è_çÀÉÈÇ§!"
_DIGITS = str.maketrans(_SHIFTED, "0123456789027968")
# The keys that a QWERTY scanner hits on AZERTY: A for Q, W for Z, M where the comma is, and `:` where M is.
_POSITIONS = str.maketrans("aqwzAQWZ,?mM" + _SHIFTED, "qazwQAZWMM::" + "0123456789027968")


def readings(text: str) -> Iterator[str]:
    """Yield what `text` may have been before a keyboard came between, the likeliest first."""
    first, second = text[:1].upper(), text[1:2]
    unshifted = second != "" and second in _SHIFTED
    if first == "Q":
        yield text.translate(_POSITIONS)
    elif not unshifted:
        yield text
    elif first == "A":
        yield text.translate(_DIGITS)
    else:
        # V is at its place on both layouts. Caps Lock, which leaves letters at their places, turns them
        # small.
        tables = (_POSITIONS, _DIGITS) if text[0].isupper() else (_DIGITS, _POSITIONS)
        for table in tables:
            yield text.translate(table)
