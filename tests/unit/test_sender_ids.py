"""How Sender IDs are kept, and which of an account's senders a text names."""

from __future__ import annotations

import pytest

from core.phone import InvalidNumberError
from core.sender import NUMBER_TYPES, Sender, SenderType
from core.sender_ids import SenderNames, clean_sender_id, kept_sender_id, number_error

NUMBER = Sender("acme", "+61491570006", SenderType.LONGCODE, "AU")
OTHER = Sender("acme", "+4915112345678", SenderType.OWN_NUMBER, "DE")
SHORT = Sender("acme", "0499", SenderType.SHORTCODE, "AU")
NAME = Sender("acme", "ACME", SenderType.ALPHA_TAG)
SMALL = Sender("acme", "Acme", SenderType.ALPHA_TAG)
HELD = (NUMBER, OTHER, SHORT, NAME, SMALL)

#: Spellings of one number that say its country themselves.
WHOLE = ("+61 491 570 006", "0061491570006", "61491570006", "61491570006.0", "tel:+61491570006", "'+61491570006")
NATIONAL = ("0491570006", "(0491) 570-006", "0491570006.0", '="0491570006"')
MARKED = ("\u202a+61491570006\u202c", "\u200e0491570006", "0491\u202f570\u00a0006", "\ufeff0491570006", "0491\t570006")


def meant(text: str, country: str | None = None) -> list[Sender]:
    return [HELD[place] for place in SenderNames(HELD).places(clean_sender_id(text), country)]


@pytest.mark.parametrize("text", [*WHOLE, *NATIONAL, *MARKED])
def test_it_finds_one_number_however_it_is_spelled(text: str) -> None:
    assert meant(text) == meant(text, "AU") == [NUMBER]


@pytest.mark.parametrize("text", ["ACME", "acme", "aCmE", " Acme ", "\u200eacme\u200e"])
def test_it_finds_a_name_whatever_its_case(text: str) -> None:
    assert meant(text) == [NAME, SMALL]


@pytest.mark.parametrize(
    "text", ["0491570007", "491570006x", "12", "499", "ACMEE", "AC ME", "\u202e+61491570006", "6" * 99, ""]
)
def test_it_finds_nobody_else(text: str) -> None:
    assert meant(text) == []


def test_it_takes_a_short_code_as_it_is_written() -> None:
    assert meant("0499") == [SHORT]


def test_a_national_number_of_two_countries_names_neither() -> None:
    # 030 123456 is a number of Berlin and of Utrecht.
    held = (
        Sender(None, "+49301234567", SenderType.LONGCODE, "DE"),
        Sender(None, "+31301234567", SenderType.LONGCODE, "NL"),
    )
    names = SenderNames(held)
    assert names.places("0301234567") == []
    assert [names.places("0301234567", country) for country in ("DE", "NL")] == [[0], [1]]


@pytest.mark.parametrize("sender_type", sorted(NUMBER_TYPES))
def test_it_keeps_numbers_in_e164(sender_type: SenderType) -> None:
    texts = [kept_sender_id(sender_type, text, "AU") for text in (*WHOLE, *NATIONAL, *MARKED)]
    assert set(texts) == {"+61491570006"}


@pytest.mark.parametrize("text", ["12", "4.9E+12", "0491570006;0491570007", "ACME", "1300"])
def test_it_keeps_no_number_that_is_none(text: str) -> None:
    assert number_error(SenderType.LONGCODE, text, "AU")
    with pytest.raises(InvalidNumberError):
        kept_sender_id(SenderType.LONGCODE, text, "AU")


@pytest.mark.parametrize(("sender_type", "text"), [(SenderType.SHORTCODE, "0499"), (SenderType.ALPHA_TAG, "aCmE")])
def test_it_keeps_others_as_they_are_written(sender_type: SenderType, text: str) -> None:
    assert kept_sender_id(sender_type, text, "AU") == text


@pytest.mark.parametrize(
    ("text", "clean"),
    [("ACME", "ACME"), ("A\x00B", "A\ufffdB"), ("a\u00a0b", "a b"), ("\u202eA", "\ufffdA"), ("9" * 40, "9" * 31 + "…")],
)
def test_what_is_named_is_short_and_printable(text: str, clean: str) -> None:
    assert clean_sender_id(text) == clean
