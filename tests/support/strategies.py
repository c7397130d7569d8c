"""Hypothesis strategies for the engine's world: few names, few countries, few moments, so that things collide."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeVar

from hypothesis import strategies as st

from core.content.inspection import NO_CONTENT, Content
from core.engine.country_profile import Certainty, CountryProfile, Permission, ProfileFact
from core.engine.country_rules import CountryRule, Grade, RuleBook, RuleStatus, SenderOrigin
from core.engine.decide import decide
from core.engine.decision import (
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
from core.sender import (
    Evidence,
    Product,
    Registration,
    RegistrationStatus,
    Sender,
    SenderStatus,
    SenderType,
    TrafficClass,
)

T = TypeVar("T")

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
OWN, PARENT, RIVAL = "acme-nz", "acme", "rival"
COUNTRIES = ("AU", "GB", "NZ")

#: Sender types with Sender IDs, the last malformed; one text stands for several types.
NAMES = (
    (SenderType.LONGCODE, "+61400000001"),
    (SenderType.LONGCODE, "61400"),
    (SenderType.TEN_DLC, "+61400000001"),
    (SenderType.TOLLFREE, "61400000001"),
    (SenderType.OWN_NUMBER, "+447000000001"),
    (SenderType.SHORTCODE, "61400"),
    (SenderType.ALPHA_TAG, "Acme"),
    (SenderType.ALPHA_TAG, "ACME24"),
    (SenderType.ALPHA_TAG, "INFO"),
    (SenderType.ALPHA_TAG, "AD-Acme"),
    (SenderType.SHARED_LONGCODE, "+61400000001"),
    (SenderType.SHARED_LONGCODE, None),
    (SenderType.LONGCODE, "Acme"),
)
IDS = (*sorted({text or "" for _, text in NAMES}), "Ghost")


def mostly(usual: T, others: st.SearchStrategy[T]) -> st.SearchStrategy[T]:
    """`usual` three times in four: a world where all is odd shows nothing but refusals."""
    return st.integers(0, 3).flatmap(lambda chance: others if chance == 3 else st.just(usual))


moments = st.integers(0, 12).map(lambda days: EPOCH + timedelta(days=days))
maybe_moments = st.none() | moments
products = st.sampled_from(Product)
policies = st.builds(
    Policy, st.sampled_from(InvalidOverride), st.sampled_from(AlteredSenders), st.sampled_from(UnknownRule)
)

registrations = st.builds(
    Registration,
    st.sampled_from(["AU", "AU", "NZ"]),
    mostly(RegistrationStatus.APPROVED, st.sampled_from(RegistrationStatus)),
    mostly(None, moments),
    mostly(None, moments),
)


evidences = st.builds(
    Evidence,
    trust=st.sampled_from([None, 0, 95, 100]),
    unhealthy=mostly(False, st.just(True)),
    delivered=st.sampled_from([12.5, 97.25]),
    messages=st.sampled_from([60, 12_400]),
    span=st.just("days"),
    as_of=st.just(EPOCH),
)

senders = st.builds(
    lambda named, **fields: Sender(sender_type=named[0], sender_id=named[1], **fields),
    st.sampled_from(NAMES),
    account_id=st.sampled_from([OWN, OWN, OWN, PARENT, RIVAL, None]),
    country=st.sampled_from(["AU", "AU", "GB", None]),
    status=mostly(SenderStatus.ACTIVE, st.sampled_from(SenderStatus)),
    purchased_at=maybe_moments,
    activated_at=mostly(None, moments),
    expires_at=mostly(None, moments),
    trust=st.sampled_from([50, 50, 100]),
    two_way=mostly(True, st.just(False)),
    mms=st.booleans(),
    traffic_classes=mostly(None, st.frozensets(st.sampled_from(TrafficClass))),
    registrations=st.lists(registrations, max_size=2).map(tuple),
    evidence=st.none() | evidences,
)

STATUSES = (*[RuleStatus.ALLOWED] * 3, *[RuleStatus.REGISTRATION_REQUIRED] * 2, *RuleStatus)


def _general(statuses: list[RuleStatus], unregistered: Grade) -> list[CountryRule]:
    """One rule for each type, in force for ever, from anywhere."""
    types = zip(SenderType, statuses, strict=True)
    return [CountryRule("AU", each, SenderOrigin.ANY, status, unregistered=unregistered) for each, status in types]


general_rules = st.builds(
    _general,
    st.lists(st.sampled_from(STATUSES), min_size=len(SenderType), max_size=len(SenderType)),
    st.sampled_from(Grade),
)
permissions = st.none() | st.sampled_from(Permission)
special_rules = st.builds(
    CountryRule,
    country=st.just("AU"),
    sender_type=st.sampled_from(SenderType),
    sender_country=st.sampled_from(SenderOrigin),
    status=st.sampled_from(STATUSES),
    effective_from=maybe_moments,
    effective_until=maybe_moments,
    only_sender_countries=st.sampled_from([(), ("AU",)]),
    unregistered=st.sampled_from(Grade),
    certainty=mostly(None, st.sampled_from(Certainty)),
    url_allowed=mostly(None, permissions),
    phone_allowed=mostly(None, permissions),
)

facts = st.one_of(
    st.builds(ProfileFact, st.just("alpha_max_length"), st.just(4), maybe_moments, maybe_moments),
    st.builds(ProfileFact, st.just("alpha_needs_letter"), st.booleans(), maybe_moments, maybe_moments),
    st.builds(ProfileFact, st.just("generic_words"), st.just(("*CM*",)), maybe_moments, maybe_moments),
    st.builds(ProfileFact, st.just("promotional_allowed"), permissions, maybe_moments, maybe_moments),
    st.builds(ProfileFact, st.just("promotional_affix"), st.just("AD-*"), maybe_moments, maybe_moments),
    st.builds(ProfileFact, st.just("url_allowed"), permissions, maybe_moments, maybe_moments),
)
profiles = st.builds(
    CountryProfile,
    country=st.just("AU"),
    name=st.just("Australia"),
    two_way_long_code=st.none() | st.booleans(),
    mms=st.none() | st.booleans(),
    alpha_max_length=st.sampled_from([11, 11, 5]),
    alpha_letters_only=mostly(False, st.just(True)),
    generic_senders_blocked=st.sampled_from([None, True]),
    type_preference=st.lists(st.sampled_from(SenderType), max_size=3, unique=True).map(tuple),
    generic_words=st.sampled_from([(), ("*24*",)]),
    promotional_affix=mostly("", st.just("*24*")),
    promotional_allowed=mostly(None, permissions),
    url_allowed=mostly(None, permissions),
    shortener_allowed=mostly(None, permissions),
    facts=st.lists(facts, max_size=2).map(tuple),
)

refs = st.builds(
    SenderRef,
    sender_id=st.sampled_from(IDS),
    sender_type=mostly(None, st.sampled_from(SenderType)),
    sender_country=mostly(None, st.sampled_from(COUNTRIES)),
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
        country=st.sampled_from(["AU"] * 19 + ["ZZ"]),
        product=mostly(Product.SMS, st.just(Product.MMS)),
        traffic_class=st.sampled_from(TrafficClass),
        reply_expected=mostly(False, st.just(True)),
        explicit=ref,
        override=ref,
        content=mostly(NO_CONTENT, st.builds(Content, st.booleans(), st.booleans(), st.booleans())),
    )


def _defaults(account_id: str) -> st.SearchStrategy[DefaultSender]:
    strategies = st.lists(refs, min_size=1, max_size=2).map(tuple)
    return st.builds(DefaultSender, st.just(account_id), st.just("AU"), products, strategies)


_books = st.builds(
    lambda special, general, profile: RuleBook.of("test-1", [*special, *general], [profile]),
    st.lists(special_rules, max_size=3),
    general_rules,
    profiles,
)


def worlds(*, named: bool = True) -> st.SearchStrategy[World]:
    """Any world of one sub-account; without `named`, nobody names a sender and smart alone decides."""
    levels = st.just(()) | st.tuples(_defaults(OWN), _defaults(PARENT)) if named else st.just(())
    held = st.lists(senders, min_size=1, max_size=6)
    return st.builds(_world, _requests(named), held, st.booleans(), levels, _books, policies, moments)
