"""The strategies of a default sender: their form, and whether the sender that one names may be used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from core.countries import country_error
from core.engine.country_rules import RuleBook
from core.engine.decision import (
    DefaultStatus,
    SenderRef,
)
from core.errors import FieldError
from core.sender import NUMBER_TYPES, SenderType, bare_sender_id, form_error, naming_fields
from core.sender_ids import kept_if_readable

MAX_STRATEGIES = 10
NOTE_MAX_CHARACTERS = 200

#: The path of the list in ClickSend's documents.
STRATEGIES_FIELD = "default_sender_strategies"

_COUNTRY_REQUIRED = frozenset({SenderType.OWN_NUMBER, SenderType.LONGCODE, SenderType.TOLLFREE, SenderType.TEN_DLC})


@dataclass(frozen=True, slots=True)
class Strategy:
    """One sender of a default; `sender_id` None names the shared numbers."""

    sender_type: SenderType
    sender_id: str | None
    sender_country_code: str | None = None
    note: str | None = None
    status: str = DefaultStatus.ENABLED

    @property
    def as_kept(self) -> Strategy:
        """With its number in E.164, where the text is one; what is no number is refused by what is said of its form."""
        kept = kept_if_readable(self.sender_type, self.sender_id, self.sender_country_code)
        return self if kept == self.sender_id else replace(self, sender_id=kept)

    @property
    def naming_fields(self) -> dict[str, str | None]:
        """The fields by which documents name the sender."""
        return naming_fields(self.sender_id, self.sender_type, self.sender_country_code)

    @property
    def ref(self) -> SenderRef:
        """The sender as the engine looks it up."""
        return SenderRef(self.sender_id or None, self.sender_type, self.sender_country_code)


def form_errors(
    strategies: Sequence[Strategy], rules: RuleBook, *, as_http: bool, path: str = STRATEGIES_FIELD
) -> list[FieldError]:
    """What is wrong with the strategies as they are written.

    `as_http`: as the HTTP API asks, where a number has its country and a shared number is named by its type alone.
    """
    if not 1 <= len(strategies) <= MAX_STRATEGIES:
        return [FieldError(path, f"must have 1 to {MAX_STRATEGIES} strategies")]
    return form_errors_by_place(dict(enumerate(strategies)), rules, as_http=as_http, path=path)


def form_errors_by_place(
    strategies: Mapping[int, Strategy], rules: RuleBook, *, as_http: bool, path: str = STRATEGIES_FIELD
) -> list[FieldError]:
    """The same for those of the strategies that can be read, by their places in the list."""
    errors = []
    seen: set[tuple[SenderType, str]] = set()
    for index, strategy in strategies.items():
        name = (strategy.sender_type, bare_sender_id(strategy.sender_id))
        if name in seen:
            errors.append(FieldError(f"{path}[{index}].sender_id", "is named by an earlier strategy"))
        seen.add(name)
        errors += _form_errors(strategy, rules, as_http, f"{path}[{index}]")
    return errors


def _form_errors(strategy: Strategy, rules: RuleBook, as_http: bool, path: str) -> list[FieldError]:
    errors = []
    if as_http and strategy.ref.sender_id and strategy.sender_type is SenderType.SHARED_LONGCODE:
        errors.append(FieldError(f"{path}.sender_id", "must be null or empty for shared_longcode"))
    elif words := form_error(strategy.sender_type, _unspaced(strategy)):
        errors.append(FieldError(f"{path}.sender_id", words))
    country = strategy.sender_country_code
    if country is None and as_http and _needs_country(strategy):
        errors.append(FieldError(f"{path}.sender_country_code", "is required for this sender"))
    if country is not None and (words := country_error(country, rules)):
        errors.append(FieldError(f"{path}.sender_country_code", words))
    if len(strategy.note or "") > NOTE_MAX_CHARACTERS:
        errors.append(FieldError(f"{path}.note", f"must have at most {NOTE_MAX_CHARACTERS} characters"))
    return errors


def _unspaced(strategy: Strategy) -> str | None:
    """The Sender ID, of a national number that waits for its country without what may stand between digits."""
    if strategy.sender_type not in NUMBER_TYPES or strategy.sender_id is None:
        return strategy.sender_id
    return "".join(character for character in strategy.sender_id if character.isalnum() or character == "+")


def _needs_country(strategy: Strategy) -> bool:
    return strategy.sender_type in _COUNTRY_REQUIRED or (strategy.sender_id or "").startswith("+1")
