"""Assign-all: the smart choice becomes the default for many countries in one go."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection

from core.accounts.accounts import Account, AccountOrId, resolved_account
from core.countries import country_errors, normal_country
from core.defaults.changes import DefaultChange, write_changes
from core.defaults.default_senders import as_conflict_error, facts_for_defaults
from core.defaults.rows import DefaultOrigin, StoredDefault, find_defaults
from core.defaults.strategies import Strategy
from core.engine.country_rules import RuleBook
from core.engine.decide import decide
from core.engine.decision import AlteredSenders, Decision, NoSender, Policy, Request
from core.engine.destinations import Destination
from core.engine.explanation import as_what
from core.engine.graded_sender import label
from core.errors import RefusedError
from core.sender import Product, Sender
from core.storage.database import Database


class AssignOutcome(StrEnum):
    """What assign-all made of one country."""

    ASSIGNED = "assigned"
    UNCHANGED = "unchanged"
    LEFT_ALONE = "left_alone"
    NONE = "none"


#: Reasons beside those of decisions: a person chose the default, here or on the account above.
SET_BY_HAND, INHERITED_SET_BY_HAND = "SET_BY_HAND", "INHERITED_SET_BY_HAND"


@dataclass(frozen=True, slots=True)
class CountryAssignment:
    """One country's outcome. `sender` is the default's first strategy, as it is then; None: there is no default.

    `reason` is the decision's code, the code of the parking that a message would meet, or who set what stands.
    `destination`: whether the account sends to the country.
    """

    country: str
    outcome: AssignOutcome
    sender: Strategy | None
    reason: str
    detail: str
    destination: Destination


def assignment_document(found: CountryAssignment) -> dict[str, object]:
    """One country's outcome as JSON values."""
    return {
        "country": found.country,
        "outcome": found.outcome.value,
        "sender": found.sender and found.sender.naming_fields,
        "reason": found.reason,
        "detail": found.detail,
        "destination": found.destination.document(),
    }


class AssignAll:
    """Assigns by the rules and the policy that messages are judged by, but never a sender that arrives altered."""

    def __init__(self, database: Database, rules: Callable[[], RuleBook], policy: Policy) -> None:
        self._database, self._rules = database, rules
        self._policy = replace(policy, altered_senders=AlteredSenders.FORBID)

    def run(
        self,
        account: AccountOrId,
        countries: Iterable[str] | None = None,
        product: Product = Product.SMS,
        *,
        by: str,
        overwrite: bool = False,
        dry_run: bool = False,
        now: datetime | None = None,
    ) -> tuple[CountryAssignment, ...]:
        """The outcome by country, in the order asked for; without `countries` for all that a sender can serve.

        `account`: at hand, or its id. One transaction, a handful of statements before it writes, whatever the number of
        countries; `dry_run` writes nothing. Without `overwrite` a default that was set by hand stays, also one that a
        sub-account inherits.
        Raises NotFoundError, RefusedError for a code of no country, and ConflictError.
        """
        rules, moment = self._rules(), now or self._database.clock()
        asked = None if countries is None else _known(countries, rules)
        job = _Job(rules, self._policy, moment, product, overwrite)
        if dry_run:
            with self._database.single() as connection:
                return tuple(found for found, _ in job.assign(connection, resolved_account(connection, account), asked))
        with as_conflict_error(), self._database.writing() as write:
            assigned = job.assign(write.connection, resolved_account(write.connection, account), asked, lock=True)
            changes = [change for _, change in assigned if change is not None]
            write_changes(write, changes, origin=DefaultOrigin.ASSIGNED, by=by, now=moment)
        return tuple(found for found, _ in assigned)


def _known(countries: Iterable[str], rules: RuleBook) -> tuple[str, ...]:
    codes = [normal_country(code) for code in countries]
    if errors := country_errors(codes, rules, "countries"):
        raise RefusedError("there are no such countries", errors)
    return tuple(dict.fromkeys(codes))


_Assigned = tuple[CountryAssignment, DefaultChange | None]


@dataclass(frozen=True, slots=True)
class _Standing:
    """The defaults that stand for an account, by country: its own, and those of the account above."""

    own: dict[str, StoredDefault]
    inherited: dict[str, StoredDefault]

    def by_hand(self, country: str) -> StoredDefault | None:
        """The one that a person set and a message would meet first."""
        found = self.own.get(country) or self.inherited.get(country)
        return found if found is not None and found.origin == DefaultOrigin.MANUAL else None


@dataclass(frozen=True, slots=True)
class _Job:
    rules: RuleBook
    policy: Policy
    now: datetime
    product: Product
    overwrite: bool

    def assign(
        self, connection: Connection, account: Account, asked: Collection[str] | None, *, lock: bool = False
    ) -> list[_Assigned]:
        """The outcomes, each with what is to be written for it."""
        countries = self.rules.countries() if asked is None else tuple(asked)
        standing = self._standing(connection, account, countries, lock)
        requests = [Request(account.account_id, None, country, self.product) for country in countries]
        facts = facts_for_defaults(connection, requests)
        assigned = []
        for request in requests:
            alone = replace(facts[request], defaults=())
            decision = decide(request, alone, self.rules, self.policy, self.now)
            assigned.append(self._outcome(account, standing, decision))
        if asked is not None:
            return assigned
        return [each for each in assigned if each[0].sender is not None or each[0].country in standing.own]

    def _standing(self, connection: Connection, account: Account, countries: Sequence[str], lock: bool) -> _Standing:
        refs = [ref for ref in (account.user_id, account.parent_user_id) if ref is not None]
        found = find_defaults(
            connection, [(ref, country, self.product) for ref in refs for country in countries], lock=lock
        )
        own = {each.country: each for each in found if each.account_ref == account.user_id}
        return _Standing(own, {each.country: each for each in found if each.account_ref != account.user_id})

    def _outcome(self, account: Account, standing: _Standing, decision: Decision) -> _Assigned:
        country = decision.request.country
        by_hand = standing.by_hand(country)
        if by_hand is not None and not self.overwrite:
            return _left_alone(by_hand, account, decision), None
        chosen = decision.outcome
        if isinstance(chosen, NoSender):
            stays = "; the default stays as it is" if country in standing.own else ""
            words = decision.detail + stays
            park = chosen.park.value
            return CountryAssignment(country, AssignOutcome.NONE, None, park, words, decision.destination), None
        strategy = _strategy(chosen.sender)
        change = DefaultChange((account.user_id, country, self.product), standing.own.get(country), (strategy,))
        outcome = AssignOutcome.UNCHANGED if change.idle else AssignOutcome.ASSIGNED
        why, reason = _why(decision, chosen.sender), chosen.reason.value
        return CountryAssignment(country, outcome, strategy, reason, why, decision.destination), change


def _left_alone(stored: StoredDefault, account: Account, decision: Decision) -> CountryAssignment:
    own = stored.account_ref == account.user_id
    reason = SET_BY_HAND if own else INHERITED_SET_BY_HAND
    held = "" if own else f" for {stored.account_id}"
    sender = decision.sender
    best = label(sender.sender_id, sender.sender_type) if sender else f"nobody ({decision.detail})"
    words = f"set by hand{held} on {stored.updated_timestamp.date()}; the smart choice would be {best}"
    first = next(iter(stored.strategies), None)  # none where all of them are of a newer version
    return CountryAssignment(stored.country, AssignOutcome.LEFT_ALONE, first, reason, words, decision.destination)


def _strategy(sender: Sender) -> Strategy:
    """A shared number is named by its type alone: the pool may exchange it, and the ranking finds the same one."""
    if sender.shared:
        return Strategy(sender.sender_type, None)
    return Strategy(sender.sender_type, sender.sender_id, sender.country)


def _why(decision: Decision, sender: Sender) -> str:
    now = f"; at present {label(sender.sender_id, None)}" if sender.shared and sender.sender_id else ""
    return f"{as_what(decision).removeprefix(', ')}: {decision.detail}{now}"
