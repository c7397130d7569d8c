"""Writes core/data/nanpa_area_codes.csv, the area codes of +1 that are in service, from NANPA's report.

The report is https://reports.nanpa.com/public/npa_report.csv; download it and name the file. Run
`python deploy/generate_phone_prefixes.py` afterwards, which takes what libphonenumber does not know yet.

    python deploy/refresh_area_codes.py npa_report.csv
    python deploy/refresh_area_codes.py npa_report.csv --check    what would change; exits with 1 if anything would

Geographic codes in service are taken. A code that another source speaks of is kept, until the report has it too.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

LIST = Path(__file__).resolve().parents[1] / "core" / "data" / "nanpa_area_codes.csv"
COLUMNS = ("area_code", "country", "location", "source", "as_of")
SOURCE = "NANPA NPA report"

#: What the report calls a country, or a territory of the United States, where that is not the country's code in +1.
COUNTRIES = {
    "US": "US",
    "CANADA": "CA",
    "ANGUILLA": "AI",
    "ANTIGUA/BARBUDA": "AG",
    "BAHAMAS": "BS",
    "BARBADOS": "BB",
    "BERMUDA": "BM",
    "BRITISH VIRGIN ISLANDS": "VG",
    "CAYMAN ISLANDS": "KY",
    "DOMINICA": "DM",
    "GRENADA": "GD",
    "DOMINICAN REPUBLIC": "DO",
    "JAMAICA": "JM",
    "MONTSERRAT": "MS",
    "SINT MAARTEN": "SX",
    "ST. LUCIA": "LC",
    "ST. KITTS AND NEVIS": "KN",
    "ST. VINCENT AND GRENADINES": "VC",
    "TRINIDAD AND TOBAGO": "TT",
    "TURKS & CAICOS ISLANDS": "TC",
}
TERRITORIES = {"PR": "PR", "VI": "VI", "USVI": "VI", "GU": "GU", "GUAM": "GU", "AS": "AS", "MP": "MP", "CNMI": "MP"}

Row = dict[str, str]


def of_report(report: TextIO, known: Mapping[str, Row]) -> list[Row]:
    """The geographic codes in service. A country that is not known here ends the run, and names itself."""
    first = next(report, "").strip().strip(",")
    if not first.startswith("File Date"):
        raise SystemExit("the file is not NANPA's report: its first line is not its date")
    day = datetime.strptime(first.partition(",")[2].strip('" ,'), "%m/%d/%Y").replace(tzinfo=UTC).date()
    rows = [row for row in csv.DictReader(report) if row["IN_SERVICE"] == "Y" and row["USE"] == "G"]
    return [_row(row, day.isoformat(), known) for row in rows]


def _row(row: Mapping[str, str], day: str, known: Mapping[str, Row]) -> Row:
    code, location = row["NPA_ID"], row["LOCATION"].strip()
    if code in known:
        country, location = known[code]["country"], known[code]["location"]
    else:
        country = TERRITORIES.get(location.upper()) or COUNTRIES.get(row["COUNTRY"].strip().upper(), "")
    if not country:
        raise SystemExit(f"area code {code}: the country {row['COUNTRY']!r} is not in COUNTRIES")
    return dict(zip(COLUMNS, (code, country, location, SOURCE, day), strict=True))


def merged(known: Mapping[str, Row], fresh: Iterable[Row]) -> dict[str, Row]:
    """The new list: the report's codes, and those that rest on another source."""
    kept = {code: row for code, row in known.items() if row["source"] != SOURCE}
    return dict(sorted((kept | {row["area_code"]: row for row in fresh}).items()))


def read_list() -> dict[str, Row]:
    with LIST.open(encoding="ascii", newline="") as file:
        return {row["area_code"]: row for row in csv.DictReader(file)}


def main(arguments: list[str]) -> int:
    """Exit code."""
    known = read_list()
    with Path(arguments[0]).open(encoding="utf-8-sig", newline="") as report:
        new = merged(known, of_report(report, known))
    came, went = sorted(new.keys() - known.keys()), sorted(known.keys() - new.keys())
    sys.stdout.write(f"{len(new)} area codes; new: {', '.join(came) or 'none'}; gone: {', '.join(went) or 'none'}\n")
    if "--check" in arguments:
        return 1 if came or went else 0
    with LIST.open("w", encoding="ascii", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(new.values())
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
