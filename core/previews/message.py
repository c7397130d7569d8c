"""Asking who would send a message, without sending it: its decision, explained. Nothing is written for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from core.contract.decode import read_message
from core.contract.ids import known_ids
from core.encoding import ContractError
from core.engine.country_rules import RuleBook
from core.engine.decide import decide
from core.engine.decision import AccountProblem, Facts, Policy, Request
from core.engine.explanation import explanation, for_recipient
from core.errors import ParkReason
from core.messages.assigner import request_for
from core.phone import parse_recipient


class InquiryStore(Protocol):
    """What an inquiry asks of SQL; every method may raise StoreUnavailableError."""

    def load_facts(self, requests: Sequence[Request]) -> Mapping[Request, Facts | AccountProblem]:
        """The facts of each request, or why it has none."""


def inquire(
    store: InquiryStore,
    rules: Callable[[], RuleBook],
    document: Mapping[str, object],
    policy: Policy,
    *,
    moment: datetime,
) -> dict[str, object]:
    """The decision that the message `document` meets at `moment`, as `explain --json` shows it.

    Its id is the one that a message would carry which meets the same; it is kept once a message does. Where the message is parked before anything is decided, the shape is the same, with neither id nor candidates.
    """
    try:
        message = read_message(document)
    except ContractError as error:
        return _undecided(document, None, ParkReason.INVALID_MESSAGE, str(error))
    in_use = rules()
    request = request_for(message, moment, content_countries=in_use.content_countries)
    if not isinstance(request, Request):
        return _undecided(document, request.ids.country, request.reason, request.detail)
    facts = store.load_facts([request])[request]
    if isinstance(facts, AccountProblem):
        return _undecided(document, request.country, facts.reason, facts.detail)
    decision = decide(request, facts, in_use, policy, moment)
    return explanation(for_recipient(decision, parse_recipient(message.to, message.country).e164))


def _undecided(
    document: Mapping[str, object], country: str | None, reason: ParkReason, detail: str
) -> dict[str, object]:
    known = known_ids(document)
    return {
        "decision_id": None,
        "sender": None,
        "account_id": known.get("account_id"),
        "subaccount_id": known.get("subaccount_id"),
        "country": country,
        "product": document.get("product"),
        "traffic_class": document.get("traffic_class"),
        "reply_expected": document.get("reply_expected"),
        "source": None,
        "grade": None,
        "reason": reason.value,
        "warnings": [],
        "rules_version": None,
        "valid_until": None,
        "destination": None,
        "sentence": f"No sender ({reason}): {detail}.",
        "alternates": [],
        "candidates": [],
    }
