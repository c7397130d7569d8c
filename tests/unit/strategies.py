"""Hypothesis strategies for the engine's world: few names, few countries, few moments, so that things collide."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from hypothesis import strategies as st

from core.country_rules import CountryProfile, CountryRule, Grade, RuleBook, RuleStatus, SenderOrigin
from core.decision import (
    AlteredSenders,
    Decision,
    DefaultSender,
    Facts,
    InvalidOverride,
    Policy,
    Request,
    SenderRef,
    UnknownRule,
)
from core.engine import decide
from core.sender import Product, Registration, RegistrationStatus, Sender, SenderStatus, SenderType, TrafficClass

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
OWN, PARENT, RIVAL = "acme-nz", "acme", "rival"
COUNTRIES = ("AU", "GB", "NZ")
IDS = (None, "+61400000001", "61400000001", "+447000000001", "61400", "Acme", "ACME", "INFO", "Acme24", "+x")

moments = st.integers(0, 12).map(lambda days: EPOCH + timedelta(days=days))
maybe_moments = st.none() | moments
products = st.sampled_from(Product)
policies = st.builds(
    Policy, st.sampled_from(InvalidOverride), st.sampled_from(AlteredSenders), st.sampled_from(UnknownRule)
)

registrations = st.builds(
    Registration,
    st.sampled_from(COUNTRIES),
    st.sampled_from([RegistrationStatus.APPROVED, *RegistrationStatus]),
    maybe_moments,
    maybe_moments,
)

senders = st.builds(
    Sender,
    account_id=st.sampled_from([OWN, OWN, PARENT, RIVAL, None]),
    sender_id=st.sampled_from(IDS),
    sender_type=st.sampled_from(SenderType),
    country=st.sampled_from([None, *COUNTRIES]),
    status=st.sampled_from([SenderStatus.ACTIVE] * 4 + list(SenderStatus)),
    purchased_at=maybe_moments,
    activated_at=maybe_moments,
    expires_at=st.none() | st.none() | moments,
    trust=st.sampled_from([0, 50, 50, 100]),
    two_way=st.booleans(),
    mms=st.booleans(),
    traffic_classes=st.none() | st.frozensets(st.sampled_from(TrafficClass)),
    registrations=st.lists(registrations, max_size=2).map(tuple),
)

rules = st.builds(
    CountryRule,
    country=st.just("AU"),
    sender_type=st.sampled_from(SenderType),
    sender_country=st.sampled_from(SenderOrigin),
    status=st.sampled_from([RuleStatus.ALLOWED, *RuleStatus]),
    effective_from=st.none() | moments,
    effective_until=st.none() | moments,
    only_sender_countries=st.sampled_from([(), (), ("AU", "GB")]),
    unregistered=st.sampled_from(Grade),
    sources=st.sampled_from([(), ("acma",)]),
)

profiles = st.builds(
    CountryProfile,
    country=st.just("AU"),
    name=st.just("Australia"),
    two_way_long_code=st.none() | st.booleans(),
    mms=st.none() | st.booleans(),
    alpha_max_length=st.sampled_from([11, 11, 5]),
    alpha_letters_only=st.booleans(),
    generic_senders_blocked=st.none() | st.booleans(),
    type_preference=st.lists(st.sampled_from(SenderType), max_size=3, unique=True).map(tuple),
)

refs = st.builds(
    SenderRef,
    sender_id=st.sampled_from([*IDS, "Ghost"]),
    sender_type=st.none() | st.sampled_from(SenderType),
    sender_country=st.none() | st.sampled_from(COUNTRIES),
)


class World(NamedTuple):
    """Everything that `decide` looks at."""

    request: Request
    facts: Facts
    rules: RuleBook
    policy: Policy
    now: datetime

    def decide(self) -> Decision:
        return decide(*self)

    def holding(self, *held: Sender) -> World:
        return self._replace(facts=Facts(held, self.facts.borrowed_from, self.facts.defaults))


def _world(
    request: Request,
    held: list[Sender],
    borrows: bool,
    defaults: tuple[DefaultSender, ...],
    rule_book: RuleBook,
    policy: Policy,
    now: datetime,
) -> World:
    borrowed_from = frozenset({PARENT}) if borrows else frozenset[str]()
    return World(request, Facts(tuple(held), borrowed_from, defaults), rule_book, policy, now)


def _requests(named: bool) -> st.SearchStrategy[Request]:
    ref = st.none() | refs if named else st.none()
    return st.builds(
        Request,
        account_id=st.just(PARENT),
        subaccount_id=st.just(OWN),
        country=st.sampled_from(["AU"] * 9 + ["ZZ"]),
        product=st.sampled_from([Product.SMS, Product.SMS, Product.MMS]),
        traffic_class=st.sampled_from(TrafficClass),
        reply_expected=st.booleans(),
        explicit=ref,
        override=ref,
    )


def _defaults(account_id: str) -> st.SearchStrategy[DefaultSender]:
    strategies = st.lists(refs, min_size=1, max_size=2).map(tuple)
    return st.builds(DefaultSender, st.just(account_id), st.just("AU"), products, strategies)


_books = st.builds(
    lambda rule_list, profile: RuleBook.of("test-1", rule_list, [profile]), st.lists(rules, max_size=8), profiles
)


def worlds(*, named: bool = True) -> st.SearchStrategy[World]:
    """Any world of one sub-account; without `named`, nobody names a sender and smart alone decides."""
    levels = st.tuples(_defaults(OWN), _defaults(PARENT)) | st.just(()) if named else st.just(())
    held = st.lists(senders, max_size=6)
    return st.builds(_world, _requests(named), held, st.booleans(), levels, _books, policies, moments)
