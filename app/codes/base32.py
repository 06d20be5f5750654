"""Crockford's base 32, and one check character over it that stays inside its alphabet.

The alphabet and the lenient reading are Douglas Crockford's (https://www.crockford.com/base32.html). His
own check symbols are not used: two of the five beyond the alphabet, `~` and `=`, are outside QR's
alphanumeric mode, so that one code in eighteen would need a larger image, and wedge scanners type them
wrongly.

The check character is H. Michael Damm's scheme ("Total anti-symmetrische Quasigruppen", Marburg 2004,
example 5.2) over the field of 32 elements, GF(2)[x] / (x^5 + x^2 + 1). It catches every single wrong
character, and, as x has order 31, every exchange of two characters and every `aa` read as `bb`, next to
each other or not, in texts of up to 31 characters. The alternatives inside 0-9A-Z fall short: Luhn mod 32
misses exchanges of neighbours, and ISO 7064's MOD 37,36 misses a few and needs the letters Crockford leaves
out.
"""

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

_VALUES = {symbol: value for value, symbol in enumerate(ALPHABET)}
_FOLD = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzOIL",
    "ABCDEFGH1JK1MN0PQRSTUVWXYZ011",
    "- ",
)
_REDUCTION = 0b100101
# Multiplication by x in the field, for each of its 32 elements.
_TIMES_X = tuple((value << 1) ^ (_REDUCTION if value & 16 else 0) for value in range(32))


def encode(number: int, bits: int) -> str:
    """Return `number` as `bits` / 5 characters, the most significant first.

    Raises ValueError when `bits` is no multiple of 5 or `number` does not fit.
    """
    if bits % 5 or not 0 <= number < 1 << bits:
        raise ValueError(f"not a number of {bits} bits in groups of five")
    return "".join(ALPHABET[(number >> shift) & 31] for shift in range(bits - 5, -1, -5))


def decode(text: str) -> int:
    """Return the number that canonical characters stand for; raise ValueError for any other character."""
    number = 0
    for symbol in text:
        value = _VALUES.get(symbol)
        if value is None:
            raise ValueError("a character outside base 32")
        number = number << 5 | value
    return number


def fold(text: str) -> str:
    """Return what a person or a keyboard meant: capitals, 0 for O, 1 for I and L, no hyphens or spaces.

    Only ASCII letters are folded, so that no foreign letter becomes one of ours; what is outside the
    alphabet stays.
    """
    return text.translate(_FOLD)


def check_character(text: str) -> str:
    """Return the check character of canonical text; raise KeyError for any other character."""
    return ALPHABET[_remainder(text)]


def is_right(text: str) -> bool:
    """Say whether canonical text ends in its check character; raise KeyError for any other character."""
    return _remainder(text) == 0


def _remainder(text: str) -> int:
    state = 0
    for symbol in text:
        state = _TIMES_X[state ^ _VALUES[symbol]]
    return state
