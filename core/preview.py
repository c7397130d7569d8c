"""What a campaign would come to, without sending it: per country the sender, and how many recipients cannot be reached.

The requests are those that sending would make, and the engine is the same; nothing is stored, cached or enqueued.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from core.assigner import Parked, request_for
from core.campaign import Batch, messages_of
from core.country_rules import RuleBook
from core.decision import Decision, Facts, Policy, Request
from core.engine import decide
from core.errors import ParkReason
from core.sender import Sender
from core.store_facts import AccountProblem


class PreviewStore(Protocol):
    """What a preview asks of SQL; every method may raise StoreUnavailableError."""

    def load_facts(self, requests: Sequence[Request]) -> Mapping[Request, Facts | AccountProblem]:
        """The facts of each request, or why it has none."""

    def active_rules(self) -> RuleBook:
        """The rules in use, local corrections included."""


@dataclass(slots=True)
class CountryPreview:
    """One country: `sendable` of the `recipients` would be sent to by `sender`, the others parked under a code."""

    country: str
    recipients: int = 0
    sendable: int = 0
    unsendable: Counter[ParkReason] = field(default_factory=Counter)
    sender: Sender | None = None

    def document(self) -> dict[str, object]:
        """As `campaign preview --json` prints it."""
        sender = self.sender and {
            "sender_id": self.sender.sender_id,
            "sender_type": self.sender.sender_type.value,
            "sender_country_code": self.sender.country,
        }
        return {
            "country": self.country,
            "recipients": self.recipients,
            "sendable": self.sendable,
            "unsendable": {code.value: count for code, count in sorted(self.unsendable.items())},
            "sender": sender,
        }


@dataclass(frozen=True, slots=True)
class Preview:
    """All countries, the one with the most recipients first; `invalid` recipients belong to none."""

    countries: tuple[CountryPreview, ...]
    invalid: int

    def document(self) -> dict[str, object]:
        """As `campaign preview --json` prints it."""
        return {"countries": [country.document() for country in self.countries], "invalid": self.invalid}


def preview(batches: Iterable[Batch], store: PreviewStore, policy: Policy, now: datetime) -> Preview:
    """Look at every recipient of every batch; memory grows with the number of countries, not of recipients.

    May raise StoreUnavailableError.
    """
    asked, countries, invalid = _counted(batches, now)
    rules = store.active_rules()
    for request, facts in store.load_facts(list(asked)).items():
        verdict = facts if isinstance(facts, AccountProblem) else decide(request, facts, rules, policy, now)
        _add(countries[request.country], verdict, asked[request])
    by_size = sorted(countries.values(), key=lambda each: (-each.recipients, each.country))
    return Preview(tuple(by_size), invalid)


class _Countries(defaultdict[str, CountryPreview]):
    def __missing__(self, country: str) -> CountryPreview:
        made = self[country] = CountryPreview(country)
        return made


def _counted(batches: Iterable[Batch], now: datetime) -> tuple[Counter[Request], _Countries, int]:
    """How many recipients make which request; those that make none are counted at once."""
    asked: Counter[Request] = Counter()
    countries, invalid = _Countries(), 0
    for batch in batches:
        refused: list[Parked] = []
        for chunk in range(batch.chunks):
            for _, message in messages_of(batch, chunk, refused):
                found = request_for(message, now)
                if isinstance(found, Request):
                    asked[found] += 1
                elif found.country is None:
                    invalid += 1
                else:
                    countries[found.country].recipients += 1
                    countries[found.country].unsendable[found.reason] += 1
        invalid += len(refused)
    return asked, countries, invalid


def _add(country: CountryPreview, verdict: Decision | AccountProblem, recipients: int) -> None:
    country.recipients += recipients
    if isinstance(verdict, AccountProblem):
        country.unsendable[verdict.reason] += recipients
    elif verdict.sender is None:
        country.unsendable[verdict.park or ParkReason.NO_COMPLIANT_SENDER] += recipients
    else:
        country.sendable += recipients
        country.sender = verdict.sender
