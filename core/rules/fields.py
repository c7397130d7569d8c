"""The fields that only rule files have, as pydantic reads them."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, StrictInt, StrictStr

from core.countries import no_country
from core.errors import quoted
from core.file_lines import Text

COUNT_MAX = 1_000_000

#: A name has at least 3 and at most 11 characters anywhere; a country may ask for more, or allow fewer.
ALPHA_MIN, ALPHA_MAX = 3, 11

_COUNTRY = re.compile(r"[A-Z]{2}")

#: One word, or a part of one where stars stand for the rest: `INFO`, `*INFO*`, `AD-*`, `*-AD`.
_MARKED_WORD = r"\*?[^*\s;]{1,11}\*?"


def _country(text: str) -> str:
    if not _COUNTRY.fullmatch(text):
        raise ValueError(no_country(text))
    return text


def _marked(word: str) -> str:
    if not re.fullmatch(_MARKED_WORD, word) or not word.strip("*"):
        raise ValueError(
            f"{quoted(word)} is not a word, whole (INFO) or with stars for what may stand around it (*INFO*)"
        )
    return word


CountryCode = Annotated[StrictStr, AfterValidator(_country), Field(json_schema_extra={"pattern": "^[A-Z]{2}$"})]
Count = Annotated[StrictInt, Field(ge=0, le=COUNT_MAX)]
AlphaLength = Annotated[StrictInt, Field(ge=ALPHA_MIN, le=ALPHA_MAX)]
MarkedWord = Annotated[Text, AfterValidator(_marked)]
MaybeMarkedWord = Annotated[Text, AfterValidator(lambda word: word and _marked(word))]
