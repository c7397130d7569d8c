"""Price lists as files: what is taken, and what is refused where."""

from __future__ import annotations

import io
from decimal import Decimal

import pytest

from core.errors import RefusedError
from core.prices.files import read_prices
from core.prices.price_list import Price, PriceLine, PriceList
from core.sender import SenderType


def read(text: str | bytes) -> list[PriceLine]:
    return list(read_prices(io.BytesIO(text.encode() if isinstance(text, str) else text)))


def test_it_reads_prices_in_any_order_of_columns() -> None:
    text = "\ufeffcurrency,price,country,sender_type\r\nEUR,0.0455,de,longcode\r\n\r\nUSD,1,UK,\r\n"
    assert read(text) == [
        PriceLine("DE", SenderType.LONGCODE, Price(Decimal("0.0455"), "EUR")),
        PriceLine("GB", None, Price(Decimal(1), "USD")),
    ]


def test_it_takes_the_line_of_the_type_before_that_of_the_country() -> None:
    prices = PriceList.of(read("country,sender_type,price,currency\nDE,,0.05,EUR\nDE,alpha_tag,0.07,EUR\n"))
    assert prices.price("DE", SenderType.ALPHA_TAG) == Price(Decimal("0.07"), "EUR")
    assert prices.price("DE", SenderType.LONGCODE) == Price(Decimal("0.05"), "EUR")
    assert prices.price("FR", SenderType.LONGCODE) is None


@pytest.mark.parametrize(
    ("line", "field", "reason"),
    [
        ("ZZ,longcode,1,EUR", "line 2, column country", "no country 'ZZ'"),
        ("DE,fax,1,EUR", "line 2, column sender_type", "is not one of"),
        ("DE,longcode,,EUR", "line 2, column price", "not an amount"),
        ("DE,longcode,-1,EUR", "line 2, column price", "not an amount"),
        ("DE,longcode,1e3,EUR", "line 2, column price", "not an amount"),
        ("DE,longcode,NaN,EUR", "line 2, column price", "not an amount"),
        ("DE,longcode,٣,EUR", "line 2, column price", "not an amount"),
        ('DE,longcode,"0,05",EUR', "line 2, column price", "with a point"),
        ("DE,longcode,1,eur", "line 2, column currency", "ISO 4217"),
        ("DE,longcode,1", "line 2", "has 3 cells, the header has 4"),
        ("DE,longcode,1,EUR\nDE,longcode,2,EUR", "line 3, column sender_type", "stand on line 2 already"),
        ("", "line 1", "no price follows the header"),
        ('DE,"longcode,1,EUR', "line 2", "cannot be read as CSV"),
    ],
)
def test_it_refuses_a_file_by_line_and_column(line: str, field: str, reason: str) -> None:
    with pytest.raises(RefusedError) as refused:
        read(f"country,sender_type,price,currency\n{line}\n")
    error = refused.value.errors[0]
    assert error.field == field
    assert reason in error.reason


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "line 1: no price follows"),
        (b"country,type,price,currency\nDE,longcode,1,EUR\n", "line 1: is not the header"),
        (b"country,sender_type,price,currency\nDE,long\xff,1,EUR\n", "line 2: byte 0xff is not UTF-8"),
    ],
)
def test_it_refuses_what_is_no_price_list(text: bytes, words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        read(text)
