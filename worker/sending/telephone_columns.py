"""Which column of a file holds the telephone numbers: the one that is named, else `to`, else the only one so called."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

from core.errors import RefusedError

#: The contract's name of the column.
TO = "to"

#: What people and programs call such a column, in the languages in which most lists are kept.
_WORDS = """
phone|phone no|phone nr|phone number|phone num|phone value|contact phone|contact number|primary phone|home phone
work phone|business phone|other phone|telephone|telephone no|telephone number|tel|tel no|tel number|mobile|mobile no
mobile number|mobile phone|mobile phone number|mobile telephone|cell|cell no|cell number|cell phone|cell phone number
cellular|handphone|sms number|msisdn|whatsapp number
telefon|telefonnr|telefonnummer|telefon nummer|tel nr|handy|handynr|handynummer|mobil|mobilnr|mobilnummer|mobiltelefon
mobilfunknummer|mobilfunk|rufnummer
téléphone|numéro de téléphone|n de téléphone|no de téléphone|tél|portable|numéro de portable|téléphone portable
téléphone mobile|tél portable|tél mobile|numéro de mobile|mobile|gsm
teléfono|número de teléfono|núm de teléfono|teléfono móvil|móvil|número de móvil|celular|teléfono celular
número de celular|número celular|telf|tlf
telefone|número de telefone|telemóvel|número de telemóvel|telefone celular|número do celular
telefono|numero di telefono|numero telefono|cellulare|numero di cellulare|telefono cellulare|telefono mobile
telefoon|telefoonnummer|telefoonnr|mobiel|mobiel nummer|mobiele telefoon|gsm nummer
telefonnumer|mobilnummer|mobiltelefonnummer|tlf nr|telefonnúmer|sími|símanúmer|farsími
puhelin|puhelinnumero|matkapuhelin|matkapuhelinnumero|gsm numero
numer telefonu|nr telefonu|nr tel|telefon komórkowy|komórka|telefonní číslo|mobilní telefon|číslo telefonu
telefónne číslo|mobilný telefón|telefonska številka|broj telefona|broj mobitela|mobitel|telefonszám|mobilszám
mobiltelefonszám|număr de telefon|număr telefon|nr telefon|telefon mobil|telefono numeris|tālrunis|telefoninumber
телефон|номер телефона|мобильный|мобильный телефон|номер телефону|мобільний|мобільний телефон|сотовый|мобилен
телефонен номер|број телефона|мобилни
τηλέφωνο|αριθμός τηλεφώνου|κινητό|κινητό τηλέφωνο
telefon numarası|telefon no|cep telefonu|cep no|gsm no
هاتف|الهاتف|رقم الهاتف|جوال|الجوال|رقم الجوال|موبايل|رقم الموبايل|المحمول|تلفن|شماره تلفن|موبایل|شماره موبایل
טלפון|מספר טלפון|נייד|טלפון נייד|מספר נייד
फ़ोन|फ़ोन नंबर|मोबाइल|मोबाइल नंबर|ফোন|ফোন নম্বর|মোবাইল|মোবাইল নম্বর
โทรศัพท์|เบอร์โทร|เบอร์โทรศัพท์|มือถือ|เบอร์มือถือ|หมายเลขโทรศัพท์
điện thoại|số điện thoại|sđt|di động|số di động
telepon|nomor telepon|no telepon|no telp|nomor hp|no hp|ponsel|nombor telefon|telefon bimbit
电话|电话号码|手机|手机号|手机号码|移动电话|電話|電話號碼|手機|手機號碼|行動電話
電話番号|携帯|携帯電話|携帯番号|携帯電話番号|전화|전화번호|휴대폰|휴대폰 번호|휴대전화|휴대전화 번호|핸드폰|핸드폰 번호
"""  # noqa: RUF001 - these letters are meant
_NOT_WORDS = re.compile(r"[\W\d_]+")


def _bare(name: str) -> str:
    """A name without what differs between spellings: case, accents, digits, blanks and marks."""
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    return _NOT_WORDS.sub("", "".join(each for each in decomposed if not unicodedata.combining(each)))


_TELEPHONES = frozenset(_bare(words) for line in _WORDS.split("\n") for words in line.split("|")) - {""}


def is_telephone(name: str) -> bool:
    """Whether a column of this name is plainly the telephone: `phone`, `Phone 1 - Value`, `Handynummer`, `手机号`."""
    return _bare(name) in _TELEPHONES


def telephone_place(names: Sequence[str], wanted: str | None) -> int | None:
    """The place of the column with the telephone numbers; None: no column is.

    `wanted` is looked for as it is written, then in whatever case. Raises RefusedError where several could be meant.
    """
    if wanted is not None:
        asked = " ".join(wanted.split())
        places = _places(names, lambda name: name == asked) or _places(
            names, lambda name: name.casefold() == asked.casefold()
        )
    else:
        places = _places(names, lambda name: name == TO) or _places(names, is_telephone)
    if len(places) > 1:
        raise RefusedError(_several([names[place] for place in places], named=wanted is not None))
    return places[0] if places else None


def _places(names: Sequence[str], fits: Callable[[str], bool]) -> list[int]:
    return [place for place, name in enumerate(names) if fits(name)]


def _several(names: Sequence[str], *, named: bool) -> str:
    if len(set(names)) == 1:
        return f"the file has two columns `{names[0]}`"
    shown = ", ".join(f"`{name}`" for name in names)
    if named:
        return f"the file has several columns of that name: {shown}"
    return f"the file has no column `to`, and several that look like the telephone: {shown}; name one with --column"
