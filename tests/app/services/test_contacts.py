"""Addresses and numbers in one form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidError
from app.services import contacts


@pytest.mark.parametrize("typed", ["ana@cafe.example", " Ana@Cafe.EXAMPLE ", "ANA@cafe.example"])
def test_one_address_has_one_form(typed: str) -> None:
    assert contacts.email(typed) == "ana@cafe.example"


@pytest.mark.parametrize("typed", ["ana@cafe.test", "ana@example.com"])
def test_addresses_of_demonstrations_are_taken(typed: str) -> None:
    assert contacts.email(typed) == typed


@pytest.mark.parametrize("typed", ["", "ana", "ana@", "@cafe.example", "ana@localhost", "a" * 300 + "@cafe.example"])
def test_what_is_no_address_is_refused_by_its_field(typed: str) -> None:
    with pytest.raises(InvalidError) as refusal:
        contacts.email(typed, "#/member/email")

    assert refusal.value.errors[0]["pointer"] == "#/member/email"


@pytest.mark.parametrize("typed", ["+33 6 12 34 56 78", "+33612345678", "0033612345678", "06 12 34 56 78"])
def test_one_number_has_one_form(typed: str) -> None:
    assert contacts.phone(typed, region="FR") == "+33612345678"


@pytest.mark.parametrize("typed", ["", "12", "06 12 34 56 78", "+33 1", "call me", "+" + "1" * 60])
def test_what_is_no_number_is_refused(typed: str) -> None:
    with pytest.raises(InvalidError):
        contacts.phone(typed)


@pytest.mark.parametrize("typed", ["+33142685300", "+33899123456"])
def test_landlines_and_premium_numbers_are_sent_no_code(typed: str) -> None:
    assert contacts.phone(typed) == typed
    with pytest.raises(InvalidError):
        contacts.mobile(typed)


@given(st.text(max_size=60))
def test_any_text_is_a_contact_or_a_clean_refusal(text: str) -> None:
    for read in (contacts.email, contacts.phone, contacts.mobile):
        try:
            form = read(text)
        except InvalidError:
            continue
        assert read(form) == form
