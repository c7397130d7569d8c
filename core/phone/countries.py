"""The countries that numbers belong to, by the codes that libphonenumber uses."""

from __future__ import annotations

from typing import Final

import phonenumbers

from core.countries import normal_country

#: ISO 3166-1 alpha-2 codes that a hint may name, with libphonenumber's own AC, TA and XK.
KNOWN_REGIONS: Final[frozenset[str]] = frozenset(phonenumbers.SUPPORTED_REGIONS)

#: The country of a number whose calling code is no country's: satellites, international services.
NO_COUNTRY: Final = "001"


def known_region(country: str | None) -> str | None:
    """The region that a hint names; None: it names none, or one that has no numbers of its own."""
    if not country:
        return None
    region = normal_country(country)
    return region if region in KNOWN_REGIONS else None
