"""Encoding and segments of texts: the alphabet of TS 23.038, and what a segment holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.content.segments import ONE_SEPTET, Encoding, TextSize, plain_size, text_size
from core.encoding import encode_json
from tests.support.effort import examples

EXTENSION = "\f^{}\\[~]|€"
GSM, UCS = Encoding.GSM_7, Encoding.UCS_2


@pytest.mark.parametrize(
    ("text", "encoding", "segments"),
    [
        ("", GSM, 1),
        ("x" * 160, GSM, 1),
        ("x" * 161, GSM, 2),
        ("x" * 306, GSM, 2),
        ("x" * 307, GSM, 3),
        ("x" * 1600, GSM, 11),
        ("Grüße à l'Øresund: 5 £, ¿qué?\r\n@_$", GSM, 1),
        # The extension table: two septets each.
        ("€" * 80, GSM, 1),
        ("€" * 80 + "x", GSM, 2),
        ("[{~}]^|\\\f", GSM, 1),
        # 152 septets and one of two: it does not fit, so that the second segment begins with it.
        ("x" * 152 + "€" + "x" * 151, GSM, 2),
        ("x" * 152 + "€" + "x" * 152, GSM, 3),
        # A backtick, a tab and a small c with cedilla are in neither table.
        ("`", UCS, 1),
        ("\t", UCS, 1),
        ("ç", UCS, 1),
        ("“quoted”", UCS, 1),
        ("ж" * 70, UCS, 1),
        ("ж" * 71, UCS, 2),
        ("ж" * 134, UCS, 2),
        ("ж" * 135, UCS, 3),
        # Beyond 16 bits: two units, which stay together.
        ("😀" * 35, UCS, 1),
        ("😀" * 36, UCS, 2),
        ("😀" * 66, UCS, 2),
        ("😀" * 67, UCS, 3),
        ("😀" * 1600, UCS, 49),
    ],
)
def test_it_counts_segments(text: str, encoding: Encoding, segments: int) -> None:
    assert text_size(text) == TextSize(encoding, segments)


def is_plain(text: str) -> bool:
    encoded = encode_json(text)
    return encoded.translate(ONE_SEPTET) == encoded


@pytest.mark.parametrize(
    "text", ["", "hello", "x" * 160, "x" * 161, "x" * 1600, "a_b @ 5% <c>", "!#$%&'()*+,-./:;<=>?"]
)
def test_it_knows_a_plain_text_by_its_json(text: str) -> None:
    assert is_plain(text)
    assert plain_size(len(text)) == text_size(text)


@examples(300)
@given(st.text(st.sampled_from('aZ0 _@$\n\r"\\`[]^~{}|€éçжä😀\x00\t\x7f/<'), max_size=20))
def test_it_never_takes_for_plain_what_is_not(text: str) -> None:
    if is_plain(text):
        assert text_size(text) == plain_size(len(text))
        assert not set(text) & set(EXTENSION)
