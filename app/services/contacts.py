"""E-mail addresses and phone numbers in the one form in which they are kept, compared and hashed."""

import importlib.resources
from functools import cache

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from app.errors import invalid_field

EMAIL_MAX = 254
"""RFC 5321 §4.5.3.1.3 leaves this many characters for an address."""

_PHONE_MAX = 40
_MOBILE = {phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE}


def email(text: str, pointer: str = "#/email") -> str:
    """Return the address as we keep it: Unicode NFC, lower case; raise InvalidError about `pointer` otherwise.

    RFC 5321 lets a server tell `Ana@` from `ana@`; none that people use does, and a person who types a capital
    today must not become two members. Nothing is asked of the network, and `.test` (RFC 6761) is let through.
    """
    if len(text) > EMAIL_MAX:
        raise invalid_field(pointer, "Not an e-mail address: it is too long.")
    try:
        found = validate_email(text.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise invalid_field(pointer, f"Not an e-mail address: {error}") from None
    return found.normalized.lower()


def phone(text: str, pointer: str = "#/phone", region: str | None = None) -> str:
    """Return the number in E.164 (`+33612345678`); raise InvalidError about `pointer` otherwise.

    A number without its country's prefix is read as one of `region` (ISO 3166, `FR`); without a region it is refused.
    """
    refusal = "Not a phone number: write it with its country's prefix, such as +33 6 12 34 56 78."
    if len(text) > _PHONE_MAX:
        raise invalid_field(pointer, refusal)
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        raise invalid_field(pointer, refusal) from None
    if not phonenumbers.is_valid_number(number):
        raise invalid_field(pointer, refusal)
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def mobile(text: str, pointer: str = "#/phone", region: str | None = None) -> str:
    """Return the number as `phone` does; raise InvalidError too for one that takes no text messages.

    Landlines cannot show a one-time code, and premium numbers are how texts are pumped for money.
    """
    number = phone(text, pointer, region)
    if phonenumbers.number_type(phonenumbers.parse(number)) not in _MOBILE:
        raise invalid_field(pointer, "Not a mobile number: a code cannot be sent to it.")
    return number


def region_of(zone: str) -> str | None:
    """Return the country of a time zone (`Europe/Paris` is `FR`), in which people write numbers without a prefix.

    None for a zone of no country, such as `UTC`. From the IANA database's own table.
    """
    return _regions().get(zone)


@cache
def _regions() -> dict[str, str]:
    lines = (importlib.resources.files("tzdata") / "zoneinfo" / "zone.tab").read_text("utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return {zone: country for country, _place, zone, *_ in rows}
