"""Decisions, cached: in the process, in Redis, and computed from SQL when neither knows.

A decision is keyed by what it was made for and by the epochs of all that it depends on, so a raised epoch makes the
old entry unreachable; nothing is scanned or deleted.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Protocol

import redis
from msgspec.structs import replace

from core.cache.breaker import Breaker
from core.cache.epochs import Epochs, RedisEpochs
from core.cache.shared_verdicts import LEASE_MS, SharedVerdicts
from core.cache.verdict import VERDICT_FORM, Verdict, decision_verdict, problem_verdict
from core.encoding import encode_json
from core.engine.country_rules import RuleBook
from core.engine.decide import decide
from core.engine.decision import AccountProblem, Decision, Facts, Policy, Rejection, Request
from core.engine.explanation import explanation
from core.errors import StoreUnavailableError
from core.metrics.catalogue import DECISIONS, DECISIONS_FOUND, PROCESS, REDIS, SQL
from core.metrics.counts import COUNTS
from core.process.log_events import LogEvent
from core.process.logger import Logger
from core.process.seldom import Seldom
from core.storage.scopes import PLATFORM_SCOPE, RULES_SCOPE, account_scope

LEASE_POLL_S = 0.02
_SOURCE = attrgetter("source")
#: How long SQL is left alone after it failed; what needs it is told at once that it is away.
STORE_PAUSE_S = 1.0
#: Stands for the generation of a verdict that is to be looked at again at its next use.
NO_GENERATION = -1

log = Logger(__name__)


class _Everywhere(dict[str, bool]):
    """Every country, numbers too: too much in the key of a decision does no harm, too little does."""

    def __contains__(self, country: object) -> bool:
        return True

    def get(self, _country: str, _default: object = None) -> bool:
        return True


_EVERYWHERE = _Everywhere()


class DecisionSource(Protocol):
    """What the cache asks of SQL; every method may raise StoreUnavailableError."""

    def load_facts(self, requests: Sequence[Request]) -> Mapping[Request, Facts | AccountProblem]:
        """All facts of many requests, in one statement for every few hundred."""

    def save_decisions(self, decisions: Mapping[str, bytes], now: datetime) -> None:
        """Keep decisions by their id; known ones stay as they are."""

    def save_some_decisions(self, decisions: Mapping[str, bytes], now: datetime, most: int) -> set[str]:
        """The same, as far as fewer than `most` of the account were made that day; gives the ids left out."""

    def active_rules(self) -> RuleBook:
        """The rules in use, local corrections included."""

    def epochs(self, scopes: Iterable[str]) -> Mapping[str, int]:
        """The epochs of the scopes that have one."""


class DecisionCache:
    """Gives every request its verdict; the same one on every worker, as long as the epochs stand."""

    def __init__(
        self,
        store: DecisionSource,
        client: redis.Redis,
        policy: Policy,
        *,
        prefix: str,
        size: int,
        most_a_day: int = 0,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`size`: verdicts in this process; `most_a_day`: see `_keep`, 0: any number."""
        breaker = Breaker(clock=clock)
        self._store, self._policy, self._size, self._most_a_day = store, policy, size, most_a_day
        self._sleep, self._clock = sleep, clock
        self._store_breaker = Breaker(STORE_PAUSE_S, clock, service="sql")
        self._shared = SharedVerdicts(client, prefix, breaker)
        self._epochs = Epochs(RedisEpochs(client, prefix), store, breaker, clock)
        self._entries: OrderedDict[Request, tuple[int, tuple[int, ...], Verdict]] = OrderedDict()
        # Of these, what the receipts say of the senders could not be read: they hold as long as Redis is away.
        self._unmeasured: set[Request] = set()
        self._rules: tuple[int, RuleBook] | None = None
        self._log_again = Seldom(clock)
        # Verdicts depend on the policy too, so that workers of different policies share none; nor do those of versions
        # that write them differently.
        self._policy_mark = f"{VERDICT_FORM} {policy!r}"

    def verdicts(self, requests: Iterable[Request], now: datetime) -> dict[Request, Verdict]:
        """The verdict of each of `requests` (no repeats) at `now`; three SQL statements for all of them at the most.

        A request that cannot be decided at present, because SQL is away, has none.
        """
        moment, generation = now.timestamp(), self._epochs.generation()
        found: dict[Request, Verdict] = {}
        unsure: list[Request] = []
        for request in requests:
            entry = self._entries.get(request)
            if entry is None or entry[0] != generation or entry[2].over(moment):
                unsure.append(request)
            else:
                found[request] = entry[2]
        COUNTS.add(DECISIONS_FOUND, len(found), PROCESS)
        if unsure:
            found |= self._find(unsure, generation, now)
        COUNTS.add_each(DECISIONS, Counter(map(_SOURCE, found.values())))
        return found

    def content_countries(self) -> Mapping[str, bool]:
        """The countries whose rules look at what texts hold; every country, where no rules can be read at present."""
        if not self._store_breaker.open:
            try:
                return self._current_rules().content_countries
            except StoreUnavailableError:
                self._store_breaker.trip()
        return _EVERYWHERE if self._rules is None else self._rules[1].content_countries

    def _find(self, unsure: Sequence[Request], generation: int, now: datetime) -> dict[Request, Verdict]:
        marks = self._marks(unsure)
        fresh = self._from_process(marks, now.timestamp())
        COUNTS.add(DECISIONS_FOUND, len(fresh), PROCESS)
        missing = {
            request: self._shared.key(f"{self._policy_mark}{request!r}{mark!r}")
            for request, mark in marks.items()
            if request not in fresh
        }
        if missing:
            fresh |= self._from_others(missing, now)
        for request, verdict in fresh.items():
            seen_in = NO_GENERATION if request in self._unmeasured else generation
            self._remember(request, (seen_in, marks[request], verdict))
        return fresh

    def _marks(self, requests: Sequence[Request]) -> dict[Request, tuple[int, ...]]:
        scopes = {request: scopes_of(request) for request in requests}
        epochs = self._epochs.current(list({scope for each in scopes.values() for scope in each}))
        return {request: tuple(epochs[scope] for scope in each) for request, each in scopes.items()}

    def _from_process(self, marks: Mapping[Request, tuple[int, ...]], moment: float) -> dict[Request, Verdict]:
        unusable = frozenset() if self._shared.away else self._unmeasured
        entries = (
            (request, mark, self._entries.get(request)) for request, mark in marks.items() if request not in unusable
        )
        return {request: e[2] for request, mark, e in entries if e and e[1] == mark and not e[2].over(moment)}

    def _remember(self, request: Request, entry: tuple[int, tuple[int, ...], Verdict]) -> None:
        self._entries[request] = entry
        self._entries.move_to_end(request)
        if len(self._entries) > self._size:
            self._unmeasured.discard(self._entries.popitem(last=False)[0])

    def _from_others(self, keys: dict[Request, str], now: datetime) -> dict[Request, Verdict]:
        """From Redis; else computed, by this process or by the one that holds the lease."""
        self._unmeasured.difference_update(keys)
        found, mine = self._shared.take(keys, now.timestamp())
        COUNTS.add(DECISIONS_FOUND, len(found), REDIS)
        missing = {request: key for request, key in keys.items() if request not in found}
        found |= self._computed({request: key for request, key in missing.items() if request in mine}, now)
        return found | self._awaited({request: key for request, key in missing.items() if request not in mine}, now)

    def _awaited(self, keys: dict[Request, str], now: datetime) -> dict[Request, Verdict]:
        """What others compute; what they do not bring within the time of a lease is computed here."""
        found: dict[Request, Verdict] = {}
        give_up = self._clock() + LEASE_MS / 1000
        while keys and self._clock() < give_up and not self._shared.away:
            self._sleep(LEASE_POLL_S)
            found |= self._shared.read(keys, now.timestamp())
            keys = {request: key for request, key in keys.items() if request not in found}
        COUNTS.add(DECISIONS_FOUND, len(found), REDIS)
        return found | self._computed(keys, now)

    def _computed(self, keys: Mapping[Request, str], now: datetime) -> dict[Request, Verdict]:
        if not keys or self._store_breaker.open:
            return {}
        try:
            verdicts, left_out = self._decide(list(keys), now)
        except StoreUnavailableError:
            self._store_breaker.trip()
            return {}
        COUNTS.add(DECISIONS_FOUND, len(verdicts), SQL)
        not_shared = left_out | self._unmeasured
        shared = {request: verdict for request, verdict in verdicts.items() if request not in not_shared}
        self._shared.write(shared, keys, now.timestamp())
        if left_out:
            self._shared.leave_out(keys[request] for request in left_out)
        return verdicts

    def _decide(self, requests: Sequence[Request], now: datetime) -> tuple[dict[Request, Verdict], set[Request]]:
        """The verdicts, and whose decisions are not kept."""
        rules = self._current_rules()
        verdicts: dict[Request, Verdict] = {}
        decisions: list[Decision] = []
        for request, facts in self._store.load_facts(requests).items():
            if isinstance(facts, AccountProblem):
                verdicts[request] = problem_verdict(facts)
                continue
            if facts.evidence_away:
                self._unmeasured.add(request)
            decision = decide(request, facts, rules, self._policy, now)
            decisions.append(decision)
            verdicts[request] = decision_verdict(decision)
        left_out, moment = self._keep(decisions, now), now.timestamp()
        return {request: replace(verdict, decided_at=moment) for request, verdict in verdicts.items()}, left_out

    def _keep(self, decisions: Sequence[Decision], now: datetime) -> set[Request]:
        """Keep decisions, and give the requests of those that are not.

        A producer may name any text as a sender, each time another. So decisions that name a sender which was not used are
        kept only as long as fewer than `most_a_day` decisions of the account were made that day. The others are bounded by
        the account's inventory, and by how many countries and kinds of messages there are.
        """
        bounded = {each.decision_id: each for each in decisions if self._most_a_day and names_at_will(each)}
        kept = [each for each in decisions if each.decision_id not in bounded]
        if kept:
            self._store.save_decisions(_documents(kept), now)
        if not bounded:
            return set()
        left_out = self._store.save_some_decisions(_documents(bounded.values()), now, self._most_a_day)
        for account_id in {bounded[decision_id].request.account_id for decision_id in left_out}:
            if self._log_again.first(account_id):
                log.warning(LogEvent.DECISIONS_NOT_KEPT, account_id=account_id, most_a_day=self._most_a_day)
        return {each.request for decision_id, each in bounded.items() if decision_id in left_out}

    def _current_rules(self) -> RuleBook:
        epoch = self._epochs.current([RULES_SCOPE])[RULES_SCOPE]
        if self._rules is None or self._rules[0] != epoch:
            self._rules = (epoch, self._store.active_rules())
        return self._rules[1]


def names_at_will(decision: Decision) -> bool:
    """Whether a message or a batch named a sender which was not used, or a resend one that nobody holds.

    Such a name is any text of the producer's choice.
    """
    held = {each.sender_id for each in decision.candidates if each.rejected is Rejection.FAILED_BEFORE}
    if {each.sender_id for each in decision.request.failed} - held:
        return True
    named = {each.sender_id for each in (decision.request.explicit, decision.request.override) if each is not None}
    return bool(named - {decision.sender.sender_id} if decision.sender else named)


def _documents(decisions: Iterable[Decision]) -> dict[str, bytes]:
    return {each.decision_id: encode_json(explanation(each)) for each in decisions}


def scopes_of(request: Request) -> tuple[str, ...]:
    """The epoch scopes that a decision for `request` depends on."""
    scopes = (RULES_SCOPE, PLATFORM_SCOPE, account_scope(request.account_id))
    return scopes if request.subaccount_id is None else (*scopes, account_scope(request.subaccount_id))
