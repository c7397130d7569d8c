"""What is found in a text, and what only looks like it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.content.inspection import NO_CONTENT, SHORTENERS, Content, content_of
from tests.support.effort import examples

LINKS = (
    *("https://acme.zz/x", "HTTPS://ACME.ORG", "http://1.2.3.4/x", "ftp://acme.com", "1.2.3.4/login now"),
    *(
        "acme.com/sale",
        "see acme.co.uk today",
        "shop.acme.io",
        "(acme.de)",
        "acme.de.",
        "acme.com?x=1",
        "acme.com:8080",
    ),
    *("ACME.COM", "Example.com", "www.acme.travelx", "163.com", "t.me/x", "x.com", "12306.cn", "linktr.ee/x, now"),
    *("пример.рф", "münchen.de", "xn--mnchen-3ya.de", "Go to acme.com, please."),
)
NO_LINKS = (
    *("", "Hello. How are you?", "e.g. this", "i.e.the other", "etc.", "a.k.a Bob", "p.s. bye", "U.S.A.", "z.B. so"),
    *("$4.99", "1.299.kr", "10.000,50", "Rs.500", "3.14", "v2.1.3", "v3.0.dev", "2.0", "1.2.3.4", "No.5", "tel.nr 5"),
    *("at 9.am or 5.pm", "5 p.m.to 6", "12.05.2026", "12.05.2026 12.30", "199 kr.pr. md"),
    *("Thanks.In case", "now.It is", "end.Start", "St.John", "Mr.Li", "Dr.No", "Acme Co.Ltd", "wait..is it", "a...b"),
    *("joe@acme.com", "Node.js", "file.pdf", "://x.y", "."),
)
NUMBERS = (
    *("call +61 491 570 156", "+61491570156", "(02) 9876 5432", "0491 570 156", "0491570156", "0800123456"),
    *("415-555-0132", "(415) 555-0132", "1800 123 456", "1-800-555-0199 now", "030/12345678", "00 44 20 7946 0958"),
)
NO_NUMBERS = (
    *("code 123456", "OTP 12345678", "order 1234567890", "parcel 123456789012", "ref 2026/11/000123"),
    *("2026-11-28", "2026-11-28T10:30:00", "28/11/2026 10:30", "28.11.2026 10.30", "12.05. - 14.05.2026", "2024-2026"),
    *("1,000,000", "1.000.000", "1 000 000 kr", "$1,234,567.89", "10:30-12:45", "08:00 - 17:00", "10 - 12 - 14 kg"),
    *("v1.2.3.4.5.6.7", "12-18", "IBAN DE89 3704 0044 0532 0130 00"),
)


@pytest.mark.parametrize("text", LINKS)
def test_it_finds_a_link(text: str) -> None:
    assert content_of(text) == Content(has_url=True)
    assert content_of(f"Hi, {text}") == Content(has_url=True)


@pytest.mark.parametrize("text", NO_LINKS)
def test_it_takes_no_other_dot_for_a_link(text: str) -> None:
    assert content_of(text) is NO_CONTENT
    assert content_of(f"Hi, {text} and so on.") is NO_CONTENT


@pytest.mark.parametrize("text", ["bit.ly/abc", "https://BIT.LY/abc", "www.tinyurl.com/1", "http://acme.com or t.ly/x"])
def test_it_knows_a_shortener(text: str) -> None:
    assert content_of(text) == Content(has_url=True, has_shortener=True)


@pytest.mark.parametrize(
    "text", ["acme.com/bit.ly", "https://notbit.ly.acme.com/", "rabbit.lyx.com", "go.bit.lyx.com/x"]
)
def test_it_takes_no_other_host_for_a_shortener(text: str) -> None:
    assert content_of(text) == Content(has_url=True)


@pytest.mark.parametrize("text", NUMBERS)
def test_it_finds_a_telephone_number(text: str) -> None:
    assert content_of(f"Questions? {text}") == Content(has_phone=True)
    assert content_of(text, numbers=False) is NO_CONTENT


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_it_takes_no_other_digits_for_a_number(text: str) -> None:
    assert content_of(text) is NO_CONTENT
    assert content_of(f"Yours: {text} (thanks)") is NO_CONTENT


@examples(300)
@given(st.text(st.sampled_from("aZ0159 .:/@+-()\n\u00a0éж.co"), max_size=30))
def test_it_reads_any_text_and_answers_with_one_object(text: str) -> None:
    found = content_of(text)
    assert found is content_of(text)
    assert found.has_url or not found.has_shortener
    if "." not in text:
        assert not found.has_url


def test_its_shorteners_are_hosts() -> None:
    assert len(SHORTENERS) > 90
    assert all(name == name.lower() and "/" not in name and "." in name for name in SHORTENERS)
    assert all(content_of(f"see {name}/x").has_shortener for name in SHORTENERS)
