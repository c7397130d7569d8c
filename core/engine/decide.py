"""`decide`: who sends this message, and why nobody else. Pure: the same inputs give the same answer everywhere.

The decision order is that of the product: the sender that the message names, the one that its batch names, the
defaults, then the best of all that pass the filters (core/engine/filters.py) by the ranking steps (core/engine/ranking.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b

import msgspec

from core.content.inspection import NO_CONTENT
from core.engine.alternates import alternates, outward_grade
from core.engine.country_rules import Grade, RuleBook
from core.engine.decision import (
    Candidate,
    Chosen,
    Decision,
    Facts,
    NoSender,
    Policy,
    PoolMember,
    Reason,
    Rejection,
    Request,
    SenderRef,
    Source,
    Warn,
)
from core.engine.destinations import Destination, DestinationMode, nearest_destination
from core.engine.failed_senders import without_failed
from core.engine.filters import Screened, not_owned, screen
from core.engine.graded_sender import RequestContext, context_of, grade_sender
from core.engine.named_senders import OUTRANKED, FoundSender, NamedChoice, NoneFound, Screening, choose_named
from core.engine.nearness import place_of
from core.engine.ranking import Key, equal_but_for_trust, is_local, rank_key, rank_words
from core.errors import ParkReason
from core.moments import moment_text
from core.sender import Product, Sender, SenderType

_DIGEST_BYTES = 16

_Placed = tuple[Key, Screened]


def decide(request: Request, facts: Facts, rules: RuleBook, policy: Policy, now: datetime) -> Decision:
    """The decision for all messages like `request`, good until its `valid_until`; `now` is aware UTC."""
    usable = facts.borrowed_from | {request.subaccount_id or request.account_id}
    context = context_of(request, usable, rules, policy, now)
    if _destination(context, facts).mode is DestinationMode.BLOCK:
        return _not_enabled(context, facts)
    if not rules.knows(request.country):
        return _unknown_country(context, facts)
    screened = (screen(grade_sender(context, sender)) for sender in facts.senders)
    screening = Screening.of(without_failed(request.failed, screened))
    named = choose_named(request, facts.defaults, policy, screening)
    ranked, rejected = _shortlist(screening, named)
    answer = named.answer or _smart_answer(context, facts, screening, ranked)
    outcome, words = _outcome(answer)
    if isinstance(answer, FoundSender) and isinstance(outcome, Chosen):
        outcome = replace(
            outcome,
            source=Source.RESEND if request.failed else outcome.source,
            alternates=alternates(context, facts, screening, answer.screened, _fit(ranked, rejected)),
        )
    candidates = (*_ranked(ranked), *_rejected(rejected), *_absent(named.absent))
    warnings = (*named.warnings, *_sender_warnings(answer))
    detail = "; ".join((words, *named.notes))
    return _decision(context, facts, outcome, detail, candidates=candidates, warnings=warnings)


# -- the answer --------------------------------------------------------------------


def _smart_answer(
    context: RequestContext, facts: Facts, screening: Screening, ranked: Sequence[_Placed]
) -> FoundSender | NoneFound:
    if not ranked:
        return NoneFound(_park_reason(context, facts), _nobody(screening))
    key, best = ranked[0]
    words = f"it is the best of {len(ranked)}" if len(ranked) > 1 else "nothing else fits"
    wanted = facts.spread or facts.area_codes
    equals = tuple(each for other, each in ranked if equal_but_for_trust(key, other)) if wanted else ()
    nearest = facts.area_codes and len({place_of(each.graded.sender) for each in equals}) > 1
    if not (facts.spread or nearest):
        equals = ()
    return FoundSender(best, Source.SMART, _smart_reason(best), words, equals, spread=facts.spread, nearest=nearest)


def _outcome(answer: FoundSender | NoneFound) -> tuple[Chosen | NoSender, str]:
    """The outcome, and the words for it."""
    if isinstance(answer, NoneFound):
        return NoSender(answer.park), answer.words
    graded, pool, words = answer.screened.graded, _pool(answer.equals), answer.words
    if pool:
        namer = "" if answer.source is Source.SMART else f", {words.removeprefix('it is ')}"
        words = f"recipients are spread over {len(pool)} equal senders{namer}"
        if answer.nearest:
            over = ", and are spread over several of these" if answer.spread else ""
            words = f"of {len(pool)} equal senders recipients get one of their area code, else of their state{over}"
    return Chosen(
        graded.sender,
        answer.source,
        outward_grade(graded.grade),
        answer.reason,
        pool,
        spread=answer.spread,
        nearest=answer.nearest and bool(pool),
    ), words


def _pool(equals: Sequence[Screened]) -> tuple[PoolMember, ...]:
    """The senders to spread over, where there are several; two rows of one sender are one."""
    senders: dict[tuple[str | None, SenderType, str | None], Sender] = {}
    for sender in (each.graded.sender for each in equals):
        senders.setdefault((sender.account_id, sender.sender_type, sender.sender_id), sender)
    if len(senders) < 2:
        return ()
    return tuple(PoolMember(sender, sender.messages_per_second or 1.0) for sender in senders.values())


def _smart_reason(screened: Screened) -> Reason:
    graded = screened.graded
    if graded.sender.sender_type is SenderType.ALPHA_TAG:
        return Reason.REGISTERED_NAME if graded.registered else Reason.NAME
    if graded.sender.shared:
        return Reason.LOCAL_SHARED if is_local(graded) else Reason.FOREIGN_SHARED
    return Reason.LOCAL_DEDICATED if is_local(graded) else Reason.FOREIGN_DEDICATED


def _park_reason(context: RequestContext, facts: Facts) -> ParkReason:
    """Which requirement stood in the way, found by asking again without it."""
    request = context.request
    if request.failed:  # whatever the others lack, some had been there
        return ParkReason.NO_COMPLIANT_SENDER
    no_replies, no_product = {"reply_expected": False}, {"product": Product.SMS}
    for reason, changes in (
        (ParkReason.CONTENT_NOT_ALLOWED, {"content": NO_CONTENT}),
        (ParkReason.NO_SENDER_FOR_REPLIES, no_replies),
        (ParkReason.NO_SENDER_FOR_PRODUCT, no_product),
        (ParkReason.NO_SENDER_FOR_PRODUCT, no_replies | no_product),
    ):
        easier = request._replace(**changes)
        if easier != request and _anybody(replace(context, request=easier), facts):
            return reason
    return ParkReason.NO_COMPLIANT_SENDER


def _anybody(context: RequestContext, facts: Facts) -> bool:
    return any(screen(grade_sender(context, sender)).rejected is None for sender in facts.senders)


def _nobody(screening: Screening) -> str:
    counts = Counter(screened.rejected for screened in screening.senders if screened.rejected)
    if not counts:
        return "the account has no sender"
    codes = ", ".join(f"{code} {count}" for code, count in sorted(counts.items()))
    return f"none of {counts.total()} senders fits ({codes})"


def _sender_warnings(answer: FoundSender | NoneFound) -> Iterator[Warn]:
    if isinstance(answer, NoneFound):
        return
    graded = answer.screened.graded
    if graded.grade is not Grade.COMPLIANT:
        yield Warn.SENDER_ALTERED if graded.grade is Grade.ALTERED else Warn.RULE_UNKNOWN
    if graded.sender.unhealthy:
        yield Warn.SENDER_UNHEALTHY


# -- the candidates --------------------------------------------------------------------


def _shortlist(screening: Screening, named: NamedChoice) -> tuple[list[_Placed], list[_Placed]]:
    """The senders that are ranked and those that are not, each best first, after the two rules on the whole set."""
    ranked: list[_Placed] = []
    rejected: list[_Placed] = []
    for screened in screening.senders:
        final = _against_the_others(screened, screening, named)
        (rejected if final.rejected else ranked).append((rank_key(final.graded), final))
    return sorted(ranked, key=_key), sorted(rejected, key=_key)


def _against_the_others(screened: Screened, screening: Screening, named: NamedChoice) -> Screened:
    if screened.rejected is not None:
        return screened
    if screened.graded.sender.shared and screening.dedicated:
        words = "shared, and the account holds a compliant dedicated sender"
        return screened._replace(rejected=Rejection.DEDICATED_AVAILABLE, words=words)
    if screened in named.outranked_by_compliant:
        return screened._replace(rejected=Rejection.COMPLIANT_AVAILABLE, words=OUTRANKED)
    return screened


_AGAINST_OTHERS = frozenset({Rejection.DEDICATED_AVAILABLE, Rejection.COMPLIANT_AVAILABLE})


def _fit(ranked: Sequence[_Placed], rejected: Sequence[_Placed]) -> list[Screened]:
    """All that passed the filters, best first, also those that only others keep from being used."""
    kept_back = [(key, each._replace(rejected=None)) for key, each in rejected if each.rejected in _AGAINST_OTHERS]
    placed = sorted([*ranked, *kept_back], key=_key) if kept_back else ranked
    return [each for _, each in placed]


def _key(placed: _Placed) -> Key:
    return placed[0]


def _ranked(ranked: list[_Placed]) -> Iterator[Candidate]:
    words = rank_words([(key, screened.graded) for key, screened in ranked])
    for rank, ((_, screened), place) in enumerate(zip(ranked, words, strict=True), 1):
        yield _candidate(screened, rank, place)


def _rejected(rejected: list[_Placed]) -> Iterator[Candidate]:
    return (_candidate(screened, None, screened.words) for _, screened in rejected)


def _candidate(screened: Screened, rank: int | None, detail: str) -> Candidate:
    sender = screened.graded.sender
    names = (sender.sender_id, sender.sender_type, sender.country, sender.account_id)
    return Candidate(*names, screened.graded.grade, rank, screened.rejected, detail)


def _absent(refs: Sequence[SenderRef]) -> Iterator[Candidate]:
    words = "named, but in no inventory that may be used"
    for ref in refs:
        names = (ref.sender_id, ref.sender_type, ref.sender_country, None)
        yield Candidate(*names, Grade.UNKNOWN, None, Rejection.NOT_OWNED, words)


# -- the decision --------------------------------------------------------------------


def _destination(context: RequestContext, facts: Facts) -> Destination:
    return nearest_destination(context.request.country, facts.destinations, context.policy.default_destination)


def _not_enabled(context: RequestContext, facts: Facts) -> Decision:
    """Parked before any sender is looked at: hence without candidates, and whatever the message names."""
    words = f"{context.request.country} is not enabled: {_destination(context, facts).words}"
    outcome = NoSender(ParkReason.COUNTRY_NOT_ENABLED)
    return _decision(context, replace(facts, senders=()), outcome, words, candidates=())


def _unknown_country(context: RequestContext, facts: Facts) -> Decision:
    """Parked, whatever the senders: without rules for the country none can be called compliant."""
    words = f"there are no rules for {context.request.country}"
    placed = []
    for sender in facts.senders:
        graded = grade_sender(context, sender)
        foreign = not_owned(graded)
        code = Rejection.RULE_UNKNOWN if foreign is None else Rejection.NOT_OWNED
        placed.append((rank_key(graded), Screened(graded, code, foreign or words)))
    outcome = NoSender(ParkReason.UNKNOWN_COUNTRY)
    candidates = tuple(_rejected(sorted(placed, key=_key)))
    return _decision(context, facts, outcome, words, candidates=candidates)


def _decision(
    context: RequestContext,
    facts: Facts,
    outcome: Chosen | NoSender,
    detail: str,
    *,
    candidates: tuple[Candidate, ...],
    warnings: Sequence[Warn] = (),
) -> Decision:
    destination = _destination(context, facts)
    if isinstance(outcome, Chosen) and destination.mode is DestinationMode.MONITOR:
        warnings = (*warnings, Warn.COUNTRY_MONITORED)
        detail = f"{detail}; {context.request.country} is monitored: {destination.words}"
    undigested = Decision(
        decision_id="",
        request=context.request,
        outcome=outcome,
        detail=detail,
        warnings=tuple(dict.fromkeys(warnings)),
        candidates=candidates,
        rules_version=context.rules.version,
        valid_until=_valid_until(context, facts),
        destination=destination,
    )
    return replace(undigested, decision_id=_digest(undigested))


def _valid_until(context: RequestContext, facts: Facts) -> datetime | None:
    boundary = context.rules.next_boundary(context.request.country, context.now)
    moments = [] if boundary is None else [boundary]
    for sender in facts.senders:
        if (end := sender.ends_at) is not None:
            moments.append(end)
        if sender.registrations:
            moments.extend(_boundaries(sender, context.homes))
    return min((moment for moment in moments if moment > context.now), default=None)


def _boundaries(sender: Sender, countries: frozenset[str]) -> Iterator[datetime]:
    """The moments at which a registration of the sender in the countries begins or ends."""
    for registration in sender.registrations:
        if registration.country in countries:
            yield from (at for at in (registration.valid_from, registration.valid_until) if at is not None)


def _digest(decision: Decision) -> str:
    """Names the decision by its content; JSON text, because it is the same on every Python and hash seed."""
    request = decision.request
    asked = (request.account_id, request.subaccount_id, request.country, request.product, request.traffic_class)
    named = [
        ref and (ref.sender_id, ref.sender_type, ref.sender_country) for ref in (request.explicit, request.override)
    ]
    sender = decision.sender
    chosen = sender and (sender.account_id, sender.sender_id, sender.sender_type, sender.country)
    answer = (decision.source, decision.reason, decision.grade, decision.park, decision.detail, decision.warnings)
    until = decision.valid_until and moment_text(decision.valid_until)
    content: tuple[object, ...] = (asked, request.reply_expected, named, chosen, answer, decision.candidates)
    content += (decision.rules_version, until)
    if request.failed:
        content += ([(ref.sender_id, ref.sender_type) for ref in request.failed],)
    if decision.pool:
        content += ([(m.sender.account_id, m.sender.sender_type, m.sender.sender_id, m.weight) for m in decision.pool],)
    if isinstance(decision.outcome, Chosen) and decision.outcome.nearest:
        content += (("nearest", decision.outcome.spread),)
    if any(request.content):
        content += (request.content,)
    return f"dec_{blake2b(msgspec.json.encode(content), digest_size=_DIGEST_BYTES).hexdigest()}"
