"""Writes core/data/phone_prefixes.json, the table behind core/phone/prefixes.py.

Its sources are the installed phonenumbers' metadata and, for area codes of +1 that the metadata does not know yet,
core/data/nanpa_area_codes.csv. The metadata's patterns are turned into automata over digits, so an entry is written only where every number with
that prefix and length has the same answer: nothing is sampled. docs/decisions/0002-phone-prefix-table.md says why.

    python deploy/generate_phone_prefixes.py           writes the table
    python deploy/generate_phone_prefixes.py --check   exits with 1 if the shipped table differs
"""

from __future__ import annotations

import csv
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import phonenumbers
from digit_patterns import DIGITS, Rest, accepts, advance, start
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE
from phonenumbers.phonemetadata import PhoneMetadata, PhoneNumberDesc

DATA = Path(__file__).resolve().parents[1] / "core" / "data"
TABLE = DATA / "phone_prefixes.json"
AREA_CODES = DATA / "nanpa_area_codes.csv"
COMMAND = "python deploy/generate_phone_prefixes.py"

#: Digits of a number with its calling code that the table decides; others are left to phonenumbers.
SHORTEST, LONGEST = 7, 15

#: Answers beside a country: no country claims the number, its length is not used, it has no area code, its calling code
#: does not exist, phonenumbers must be asked.
NO_COUNTRY, BAD_LENGTH, LOCAL_ONLY, NO_CODE, ASK = "-", "!", "~", "?", "*"

NORTH_AMERICA = 1

#: The number descriptions that make a number one of a region's, where regions share a calling code.
TYPES = (
    "premium_rate",
    "toll_free",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
    "fixed_line",
    "mobile",
)


@dataclass(frozen=True)
class Claim:
    """When a region claims a number: all of `general` and one of `types` match; both are positions in the state."""

    region: str
    general: tuple[int, ...]
    types: tuple[int, ...]


@dataclass(frozen=True)
class State:
    """Where every automaton of a plan stands; `stripped` holds the lengths of the national prefixes seen so far."""

    claims: tuple[Rest, ...]
    prefix: Rest
    stripped: tuple[int, ...] = ()

    def advance(self, digit: str, length: int) -> State:
        """The state after one more digit, the national number's `length`-th."""
        prefix = advance(self.prefix, digit)
        stripped = (*self.stripped, length) if accepts(prefix, at_end=False) else self.stripped
        return State(tuple(advance(rest, digit) for rest in self.claims), prefix, stripped)


class Plan:
    """The numbers of one calling code: lengths, national prefix, and the regions that share it."""

    def __init__(self, code: int) -> None:
        regions = COUNTRY_CODE_TO_REGION_CODE[code]
        main = _metadata(code, regions[0])
        self.code, self.only_region = code, regions[0] if len(regions) == 1 else None
        general = main.general_desc or PhoneNumberDesc()
        self.lengths = frozenset(general.possible_length)
        self.local_lengths = frozenset(general.possible_length_local_only)
        self.transforms = bool(main.national_prefix_transform_rule)
        self.patterns: list[tuple[str, frozenset[int]]] = []
        self.claims = () if self.only_region else tuple(self._claim(_metadata(code, region)) for region in regions)
        if code == NORTH_AMERICA:
            self.claims += tuple(self._claim_of_area_codes(*each) for each in newer_area_codes())
        self.prefixed = self._prefixed_mobile(regions)
        rests = tuple(start(pattern) for pattern, _ in self.patterns)
        self.start = State(rests, start(main.national_prefix_for_parsing))

    def _claim(self, metadata: PhoneMetadata) -> Claim:
        if metadata.leading_digits is not None:
            # Only the start must match, so anything may follow.
            leading = PhoneNumberDesc(national_number_pattern=f"(?:{metadata.leading_digits})\\d{{0,{LONGEST}}}")
            return Claim(metadata.id, (), self._positions(leading))
        types = [name for name in TYPES if name != "mobile" or not metadata.same_mobile_and_fixed_line_pattern]
        descriptions = [getattr(metadata, name) for name in types]
        return Claim(metadata.id, self._positions(metadata.general_desc), self._positions(*descriptions))

    def _claim_of_area_codes(self, region: str, area_codes: tuple[str, ...]) -> Claim:
        numbers = PhoneNumberDesc(national_number_pattern=f"(?:{'|'.join(area_codes)})[2-9]\\d{{6}}")
        return Claim(region, (), self._positions(numbers))

    def _prefixed_mobile(self, regions: tuple[str, ...]) -> Claim:
        """The numbers that may be a mobile number behind a nought or a second calling code, as far as their length tells."""
        mobile = [_metadata(self.code, region).mobile or PhoneNumberDesc() for region in regions]
        lengths = {length for each in mobile for length in each.possible_length or self.lengths}
        first = len(self.patterns)
        for prefix in (f"{self.code}", "0", f"0{self.code}", f"00{self.code}"):
            self.patterns.append((f"{prefix}\\d{{0,{LONGEST}}}", frozenset(length + len(prefix) for length in lengths)))
        return Claim("", (), tuple(range(first, len(self.patterns))))

    def _positions(self, *descriptions: PhoneNumberDesc | None) -> tuple[int, ...]:
        first = len(self.patterns)
        for description in descriptions:
            if description is not None and description.national_number_pattern:
                lengths = frozenset(description.possible_length or ())
                self.patterns.append((description.national_number_pattern, lengths))
        return tuple(range(first, len(self.patterns)))

    def answer(self, state: State, length: int) -> str:
        """The answer for a national number of `length` digits that ends in `state`."""
        if self._may_be_rewritten(state, length):
            return ASK
        if length not in self.lengths:
            return LOCAL_ONLY if length in self.local_lengths else BAD_LENGTH
        if self._holds(self.prefixed, state, length):
            return ASK
        if self.only_region:
            return self.only_region
        return next((claim.region for claim in self.claims if self._holds(claim, state, length)), NO_COUNTRY)

    def _holds(self, claim: Claim, state: State, length: int) -> bool:
        def matches(position: int) -> bool:
            lengths = self.patterns[position][1]
            return (not lengths or length in lengths) and accepts(state.claims[position], at_end=True)

        return all(map(matches, claim.general)) and any(map(matches, claim.types))

    def _may_be_rewritten(self, state: State, length: int) -> bool:
        """Whether parsing might strip a national prefix, or rewrite the number, and so change it."""
        stripped = {*state.stripped, length} if accepts(state.prefix, at_end=True) else set(state.stripped)
        return any(self.transforms or self._strips_to(length - prefix) for prefix in stripped - {0})

    def _strips_to(self, length: int) -> bool:
        """Whether libphonenumber drops a prefix that leaves `length` digits: not if they would be too few or a gap."""
        return length in self.lengths or length > max(self.lengths)


def _metadata(code: int, region: str) -> PhoneMetadata:
    metadata = PhoneMetadata.metadata_for_region_or_calling_code(code, region)
    if metadata is None:
        raise ValueError(f"no metadata for +{code} {region}")
    return metadata


def newer_area_codes() -> Iterator[tuple[str, tuple[str, ...]]]:
    """The area codes of NANPA's list in which the metadata does not know all numbers, by country."""
    by_country: dict[str, list[str]] = defaultdict(list)
    with AREA_CODES.open(encoding="ascii", newline="") as file:
        for row in csv.DictReader(file):
            if not all(_is_known(row["area_code"], exchange) for exchange in "23456789"):
                by_country[row["country"]].append(row["area_code"])
    for country, area_codes in sorted(by_country.items()):
        yield country, tuple(area_codes)


def _is_known(area_code: str, exchange: str) -> bool:
    number = phonenumbers.parse(f"+{NORTH_AMERICA}{area_code}{exchange}345678")
    return phonenumbers.region_code_for_number(number) is not None


# ---- the tree: the automata of a plan unrolled until the answer depends on nothing but the length ----

#: The answers by number of digits, from the leaf's own depth to LONGEST.
Leaf = tuple[str, ...]


@dataclass(frozen=True)
class Branch:
    """`here` answers for a number that ends at this depth; `following` holds the node after each digit."""

    here: str
    following: tuple[Leaf | Branch, ...]


def unroll(plan: Plan) -> Leaf | Branch:
    """The tree of all numbers of a plan, after its calling code."""
    seen: dict[tuple[State, int], Leaf | Branch] = {}
    code_digits = len(str(plan.code))

    def node(state: State, length: int) -> Leaf | Branch:
        if (state, length) not in seen:
            digits = code_digits + length
            here = plan.answer(state, length) if digits >= SHORTEST else ASK
            more = DIGITS if digits < LONGEST else ""
            seen[state, length] = _joined(here, tuple(node(state.advance(d, length + 1), length + 1) for d in more))
        return seen[state, length]

    return node(plan.start, 0)


def _joined(here: str, following: tuple[Leaf | Branch, ...]) -> Leaf | Branch:
    if not following:
        return (here,)
    first = following[0]
    same = isinstance(first, tuple) and all(node == first for node in following)
    return (here, *first) if same and isinstance(first, tuple) else Branch(here, following)


def world(prefix: str = "") -> Leaf | Branch:
    """The tree of all numbers whose calling code begins with `prefix`."""
    if prefix.isdigit() and int(prefix) in COUNTRY_CODE_TO_REGION_CODE:
        return unroll(Plan(int(prefix)))
    if any(str(code).startswith(prefix) for code in COUNTRY_CODE_TO_REGION_CODE):
        return Branch(ASK, tuple(world(prefix + digit) for digit in DIGITS))
    return (NO_CODE,) * (LONGEST - len(prefix) + 1)


class Rows:
    """The nodes of the tree, equal ones once, the root last.

    A row is a leaf's answers for 7 to 15 digits as one text, or a branch's answer for a number that ends there and
    the ten rows after it.
    """

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self._seen: dict[Leaf | Branch, int] = {}

    def number(self, node: Leaf | Branch) -> int:
        """The row that holds `node`, written after those that it names."""
        if node not in self._seen:
            text = json.dumps(self._row(node), separators=(",", ":"))
            self._seen[node] = self.numbers.setdefault(text, len(self.numbers))
        return self._seen[node]

    def _row(self, node: Leaf | Branch) -> str | list[str | int]:
        if isinstance(node, Branch):
            return [node.here, *map(self.number, node.following)]
        return " ".join(((ASK,) * (LONGEST - SHORTEST) + node)[SHORTEST - LONGEST - 1 :])


def render() -> str:
    """The file's text but for its last line, which names the phonenumbers release."""
    rows = Rows()
    rows.number(world())
    return f'{{"written_by":"{COMMAND}",\n"nodes":[\n' + ",\n".join(rows.numbers) + "\n],\n"


def check(text: str) -> int:
    """Compares the shipped table with `text`; the release that wrote it does not count."""
    if TABLE.exists() and TABLE.read_text(encoding="ascii").startswith(text):
        return 0
    sys.stderr.write(
        f"core/data/phone_prefixes.json disagrees with the installed phonenumbers {phonenumbers.__version__}"
        f" and {AREA_CODES.name}:"
        f" run `{COMMAND}` and commit the result\n"
    )
    return 1


def main() -> int:
    """Exit code."""
    text = render()
    if "--check" in sys.argv[1:]:
        return check(text)
    TABLE.write_text(f'{text}"phonenumbers":"{phonenumbers.__version__}"}}\n', encoding="ascii")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
