"""The grammar of scanned texts: our codes round trip, everything else is not a card."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.codes import base32, grammar, offline, totp
from app.codes.card_token import grouped
from app.codes.errors import NotACardError
from app.errors import InvalidError
from tests.app.codes.samples import (
    NOON,
    card_tokens,
    offline_text,
    times,
    totp_keys,
    voucher_codes,
    with_check,
)

TOKEN = with_check(0x7A_1234_5678_9ABC_DEF0, 80)
KEY = b"12345678901234567890"

HOSTILE = [
    "https://evil.example/", "//evil.example/j/x", "ftp://evil.example/", "A1 " * 6,
    "http://evil.example/A1{token}", "javascript:alert(1)",
    "data:text/html,<script>", "file:///etc/passwd", "intent://scan/#Intent;scheme=x;end",
    "tel:+33612345678", "sms:+33612345678", "WIFI:T:WPA;S:shop;P:secret;;",
    "BEGIN:VCARD\nFN:A\nEND:VCARD", "otpauth://totp/x?secret=AAAA", "mailto:a@b.example", "' OR 1=1 --",
    "'; DROP TABLE card; --", "1 UNION SELECT token FROM card", "%27%20OR%201", "${jndi:ldap://x/a}",
    "{{7*7}}", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "&lt;b&gt;",
    '"><svg onload=a>', "\u202eA1", "\u2066A1\u2069", "\u200bA1", "A\u0301\u0301\u0301", "\ufeffA1",
    "\x00", "A1\x00", "\x1b[2J", "\x7f", "\r\n.\r\n", "../../../../etc/passwd", "%s%s%s%n", "$(reboot)",
    "`id`", "|cat /etc/passwd", "\ud800", "\U0001f4a9", "\uff21\uff11", "٠١٢٣٤٥٦٧", "A1" + "\uff21" * 17,
    "A1" + "\u017f" * 17, "a1" + "\u0131" * 17, "A3", "A2::", "V1", "A1", "A9" + TOKEN, "B1" + TOKEN,
]  # fmt: skip
WRAPPINGS = [
    "{}", "A1{}", "A2{}", "A3{}", "V1{}", "a1{}", "Q&{}", "V&{}", "{}A1", "A1{}A1", "A1" + TOKEN + "{}",
    "{}A1" + TOKEN, "A1" + TOKEN[:8] + "{}" + TOKEN[8:], "A2" + TOKEN + "{}12345678:1790000000",
    "A2" + TOKEN + ":12345678{}1790000000", "A2" + TOKEN + ":12345678:{}",
    "A2" + TOKEN + ":{}:1790000000", "A2{}:12345678:1790000000", "V1" + TOKEN[:12] + "{}",
    "A3" + "0" * 60 + "{}", "https://shop.example/{}", "https://shop.example/j/{}", '{{"code": "{}"}}',
    "<{}>", "\x00{}",
]  # fmt: skip
PADDINGS = ["", "A" * 4096, "\x00" * 4096, "\u202e" * 300]


@given(card_tokens)
def test_a_static_code_survives_the_round_trip(token: str) -> None:
    assert grammar.parse(grammar.static_code(token)) == grammar.StaticCode(token)


@given(card_tokens, totp_keys, times)
def test_a_rotating_code_survives_the_round_trip(token: str, key: bytes, at: int) -> None:
    code = grammar.parse(grammar.rotating_code(token, key, at))
    assert code == grammar.RotatingCode(token, totp.code(key, at), at)
    assert totp.accepted_period(key, code.totp, at) == totp.period(at)


@given(voucher_codes)
def test_a_voucher_code_survives_the_round_trip(code: str) -> None:
    assert grammar.parse(grammar.voucher_code(code)) == grammar.VoucherCode(code)


@given(card_tokens, voucher_codes)
def test_a_code_is_read_as_people_type_it(token: str, code: str) -> None:
    typed = grammar.static_code(grouped(token)).lower().replace("0", "o").replace("1", "i")
    assert grammar.parse(f"\t{typed}\r\n") == grammar.StaticCode(token)
    assert grammar.parse(f"v1 {grouped(code)}") == grammar.VoucherCode(code)


@given(card_tokens, st.sampled_from(":;.,/>-_+*=|#'\"ÑÖÇ°"), st.sampled_from(":;.,/>-_+*=|#'\"ÑÖÇ°"))
def test_any_sign_may_stand_for_the_colon(token: str, first: str, second: str) -> None:
    code = grammar.parse(f"A2{token}{first}12345678{second}{NOON}")
    assert code == grammar.RotatingCode(token, "12345678", NOON)


@pytest.mark.parametrize("separator", ["", "0", "A", " ", "::", "\n", "\x00", "\u202e", "\u200b", "\U0001f4a9"])
def test_nothing_else_may_stand_for_the_colon(separator: str) -> None:
    with pytest.raises(NotACardError):
        grammar.parse(f"A2{TOKEN}{separator}12345678:{NOON}")


@given(card_tokens, st.integers(0, 16), st.sampled_from(base32.ALPHABET))
def test_one_wrong_character_is_not_a_card(token: str, position: int, wrong: str) -> None:
    text = token[:position] + wrong + token[position + 1 :]
    if text == token:
        return
    for scanned in (f"A1{text}", f"A2{text}:12345678:{NOON}", f"a1{text.lower()}"):
        with pytest.raises(NotACardError):
            grammar.parse(scanned)


def test_five_thousand_hostile_payloads_are_not_cards() -> None:
    payloads = {
        wrapping.format(hostile + padding)
        for hostile, wrapping, padding in itertools.product(HOSTILE, WRAPPINGS, PADDINGS)
    }
    assert len(payloads) >= 5000
    for payload in payloads:
        with pytest.raises(NotACardError):
            grammar.parse(payload)


@settings(max_examples=500)
@given(
    st.text()
    | st.text(base32.ALPHABET + "AVQ123&é\"'(:;,?mM \n-", max_size=60).map(lambda tail: "A1" + tail)
    | st.builds("{}{}".format, st.sampled_from(["A1", "A2", "A3", "V1", "Q&", "Qé", "V&", "a"]), st.text())
    | st.binary(max_size=300).map(lambda raw: raw.decode("latin-1"))
)
def test_any_text_is_a_code_or_refused_in_one_way(text: str) -> None:
    try:
        code = grammar.parse(text)
    except NotACardError:
        return
    assert isinstance(code, grammar.ScannedCode)


@pytest.mark.parametrize("text", ["", "V", "A", "Q", "&", "V&", "Q&", " "])
def test_the_shortest_texts_are_not_cards(text: str) -> None:
    with pytest.raises(NotACardError):
        grammar.parse(text)


def test_a_right_code_in_a_text_that_is_too_long_is_not_a_card() -> None:
    assert grammar.parse(" " * (256 - 19) + f"A1{TOKEN}") == grammar.StaticCode(TOKEN)
    with pytest.raises(NotACardError):
        grammar.parse(" " * (257 - 19) + f"A1{TOKEN}")


def test_a_join_poster_is_told_from_a_card() -> None:
    with pytest.raises(NotACardError, match="join poster") as refused:
        grammar.parse("https://loyalty.example/j/cafe-lumiere")
    assert refused.value.slug == "not-a-card"
    assert isinstance(refused.value, InvalidError)
    with pytest.raises(NotACardError, match="scan the card's QR code again"):
        grammar.parse("https://loyalty.example/menu")


def test_each_kind_has_a_name_and_hides_its_secret_from_logs() -> None:
    texts = (
        grammar.static_code(TOKEN),
        grammar.rotating_code(TOKEN, KEY, NOON),
        grammar.voucher_code(with_check(5, 60)),
        offline_text(),
    )
    codes = [grammar.parse(text) for text in texts]
    assert [code.kind for code in codes] == ["static", "rotating", "voucher", "offline"]
    assert not any(TOKEN in repr(code) or with_check(5, 60) in repr(code) for code in codes)


def test_an_offline_code_is_only_claimed_by_reading() -> None:
    code = grammar.parse(offline_text(redeem_max=500))
    assert isinstance(code, offline.OfflineCode)
    assert (code.redeem_max, code.valid_until) == (500, NOON + 60)
