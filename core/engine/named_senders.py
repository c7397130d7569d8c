"""Steps 1 to 3 of the decision order: the senders that a message, its batch or a default names.

One that fails its conditions is never used, and never dropped in silence: it is parked, or leaves a warning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter

from core.engine.country_rules import Grade
from core.engine.decision import (
    DefaultSender,
    InvalidOverride,
    Policy,
    Reason,
    Rejection,
    Request,
    SenderRef,
    Source,
    Warn,
)
from core.engine.filters import FILTERS, Screened
from core.engine.graded_sender import label
from core.engine.ranking import Key, equal_but_for_trust, rank_key
from core.errors import ParkReason
from core.sender import SenderType
from core.sender_ids import SenderNames

_OVERRIDE_WARNS = {
    Rejection.NOT_OWNED: Warn.OVERRIDE_NOT_OWNED_REVERTED,
    Rejection.NOT_ACTIVE: Warn.OVERRIDE_NOT_ACTIVE_REVERTED,
}
_DEFAULT_WARNS = {
    Rejection.NOT_OWNED: Warn.DEFAULT_NOT_OWNED_REVERTED,
    Rejection.NOT_ACTIVE: Warn.DEFAULT_NOT_ACTIVE_REVERTED,
}
_PARKED_AS = {
    Rejection.NOT_OWNED: ParkReason.SENDER_NOT_OWNED,
    Rejection.NOT_ACTIVE: ParkReason.SENDER_NOT_ACTIVE,
    Rejection.NO_REPLIES: ParkReason.NO_SENDER_FOR_REPLIES,
    Rejection.PRODUCT_NOT_SUPPORTED: ParkReason.NO_SENDER_FOR_PRODUCT,
    Rejection.CONTENT_NOT_ALLOWED: ParkReason.CONTENT_NOT_ALLOWED,
    Rejection.FAILED_BEFORE: ParkReason.NO_COMPLIANT_SENDER,
}
OUTRANKED = "arrives replaced or labelled, and the account holds a compliant sender"

_FILTER_INDEX = {each.code: index for index, each in enumerate(FILTERS)}


@dataclass(frozen=True, slots=True)
class Screening:
    """All senders of one request: whether a compliant sender passed, and whether a dedicated one did."""

    senders: tuple[Screened, ...]
    compliant: bool
    dedicated: bool

    @classmethod
    def of(cls, senders: Iterable[Screened]) -> Screening:
        """The screening of these senders, in the order given."""
        held = tuple(senders)
        fit = [each.graded.sender for each in held if each.rejected is None and each.graded.grade is Grade.COMPLIANT]
        return cls(held, bool(fit), any(not sender.shared for sender in fit))


@dataclass(frozen=True, slots=True)
class FoundSender:
    """The sender that a step of the decision order came to.

    `words` say why it is this one. `equals` are the senders over which recipients may be spread, this one among them.
    `nearest`: or of which each recipient of calling code 1 gets the nearest.
    """

    screened: Screened
    source: Source
    reason: Reason
    words: str
    equals: tuple[Screened, ...] = ()
    spread: bool = True
    nearest: bool = False


@dataclass(frozen=True, slots=True)
class NoneFound:
    """No sender may be used, and no further step is asked."""

    park: ParkReason
    words: str


@dataclass(frozen=True, slots=True)
class NamedChoice:
    """What steps 1 to 3 came to. Where `answer` is None no named sender can be used, and the next step decides.

    `notes` say in words why named senders were passed over. `outranked_by_compliant` passed every filter, but would
    arrive altered where the account holds something compliant. `absent` are in no inventory.
    """

    answer: FoundSender | NoneFound | None = None
    warnings: tuple[Warn, ...] = ()
    notes: tuple[str, ...] = ()
    outranked_by_compliant: tuple[Screened, ...] = ()
    absent: tuple[SenderRef, ...] = ()


def choose_named(
    request: Request, defaults: Sequence[DefaultSender], policy: Policy, screening: Screening
) -> NamedChoice:
    """The first named sender that can be used, with what was passed over on the way."""
    failures: list[_Failure] = []
    named = request.explicit or request.override or defaults
    names = SenderNames([screened.graded.sender for screened in screening.senders] if named else ())
    for naming in _namings(request, defaults):
        fit: list[Screened] = []
        for ref in naming.refs:
            found = _look_up(naming, ref, names, screening)
            if isinstance(found, _Failure):
                failures.append(found)
                continue
            fit.append(found)
            if not naming.spread:
                break
        if fit:
            return _chosen(naming, fit, failures)
        if policy.invalid_override is InvalidOverride.PARK:
            return _parked(failures)
    return _passed_over(failures)


# -- who names senders --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Naming:
    """One place that names senders, `refs` in order of priority; `namer` as in `ACME, named by {namer}`."""

    source: Source
    reason: Reason
    refs: tuple[SenderRef, ...]
    namer: str
    spread: bool = False


def _namings(request: Request, defaults: Sequence[DefaultSender]) -> Iterator[_Naming]:
    if request.explicit is not None and request.explicit.sender_id:
        yield _Naming(Source.EXPLICIT, Reason.EXPLICIT, (request.explicit,), "the message")
    if request.override is not None and _names_somebody(request.override):
        yield _Naming(Source.OVERRIDE, Reason.OVERRIDE, (request.override,), "the batch")
    own = request.subaccount_id or request.account_id
    for default in defaults:
        refs = tuple(filter(_names_somebody, default.strategies))
        if refs and (default.country, default.product) == (request.country, request.product):
            yield _default_naming(default, own, refs)


def _default_naming(default: DefaultSender, own: str, refs: tuple[SenderRef, ...]) -> _Naming:
    whose, spread = default.account_id, default.spread
    if whose == own:
        return _Naming(Source.DEFAULT, Reason.DEFAULT, refs, f"the default of {whose}", spread)
    return _Naming(
        Source.INHERITED_DEFAULT, Reason.INHERITED_DEFAULT, refs, f"the inherited default of {whose}", spread
    )


def _names_somebody(ref: SenderRef) -> bool:
    """A reference without a Sender ID names the shared numbers, or nobody."""
    return bool(ref.sender_id) or ref.sender_type is SenderType.SHARED_LONGCODE


# -- whom they mean --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Failure:
    """A named sender that cannot be used, and why."""

    naming: _Naming
    ref: SenderRef
    rejected: Rejection
    words: str
    outranked_by_compliant: tuple[Screened, ...] = ()
    absent: bool = False


def _look_up(naming: _Naming, ref: SenderRef, names: SenderNames, screening: Screening) -> Screened | _Failure:
    meant = [screened for screened in _named(ref, names, screening) if _fits(ref, screened)]
    usable = [v for v in meant if v.rejected is None and not _is_outranked(v, screening)]
    if usable:
        return min(usable, key=lambda screened: (*_spelling(ref, screened), _rank(screened)))
    outranked_by_compliant = tuple(each for each in meant if each.rejected is None)
    if outranked_by_compliant:
        return _Failure(naming, ref, Rejection.COMPLIANT_AVAILABLE, OUTRANKED, outranked_by_compliant)
    failed = [(_nearness(each, each.rejected), each.rejected, each) for each in meant if each.rejected is not None]
    if not failed:
        return _Failure(naming, ref, Rejection.NOT_OWNED, "it is in no inventory that may be used", absent=True)
    _, rejected, nearest = min(failed, key=itemgetter(0))
    return _Failure(naming, ref, rejected, nearest.words)


def _named(ref: SenderRef, names: SenderNames, screening: Screening) -> list[Screened]:
    """Whom the text names; without one, any of the shared numbers."""
    if not ref.sender_id:
        return [screened for screened in screening.senders if screened.graded.sender.shared]
    return [screening.senders[place] for place in names.places(ref.sender_id, ref.sender_country)]


def _spelling(ref: SenderRef, screened: Screened) -> tuple[bool, bool]:
    """Of names that differ in case alone the registered one goes out, else the one that is spelled as it was asked for."""
    sender = screened.graded.sender
    if sender.sender_type is not SenderType.ALPHA_TAG:
        return False, False
    return not screened.graded.registered, sender.sender_id != ref.sender_id


def _fits(ref: SenderRef, screened: Screened) -> bool:
    """A sender without a country of its own (a name) fits whatever country is asked for."""
    sender = screened.graded.sender
    if ref.sender_type not in (None, sender.sender_type):
        return False
    return ref.sender_country is None or sender.country in (None, ref.sender_country)


def _is_outranked(screened: Screened, screening: Screening) -> bool:
    return screened.graded.grade is Grade.ALTERED and screening.compliant


def _rank(screened: Screened) -> Key:
    return rank_key(screened.graded)


def _nearness(screened: Screened, rejected: Rejection) -> Key:
    """Of several failures under one name the one that came furthest speaks for all."""
    return (-_FILTER_INDEX.get(rejected, len(FILTERS)), *rank_key(screened.graded))


# -- what comes of it --------------------------------------------------------------------


def _chosen(naming: _Naming, fit: Sequence[Screened], failures: Sequence[_Failure]) -> NamedChoice:
    # Where recipients are spread, over senders that deliver as long as there are any.
    first = next((each for each in fit if not each.graded.sender.unhealthy), fit[0])
    equals = tuple(each for each in fit if equal_but_for_trust(_rank(each), _rank(first))) if len(fit) > 1 else ()
    found = FoundSender(first, naming.source, naming.reason, f"it is named by {naming.namer}", equals)
    return replace(_passed_over(failures), answer=found)


def _parked(failures: Sequence[_Failure]) -> NamedChoice:
    """Nothing was reverted, so no warning; the first strategy speaks for the rest."""
    park = _PARKED_AS.get(failures[0].rejected, ParkReason.SENDER_NOT_COMPLIANT)
    answer = NoneFound(park, "the policy is to park a message whose named sender cannot be used")
    return replace(_passed_over(failures), answer=answer, warnings=())


def _passed_over(failures: Sequence[_Failure]) -> NamedChoice:
    return NamedChoice(
        # Nothing is wrong with what a resend passes over: that it failed is what it was sent for.
        warnings=tuple(_warning(each) for each in failures if each.rejected is not Rejection.FAILED_BEFORE),
        notes=tuple(map(_note, failures)),
        outranked_by_compliant=tuple(screened for failure in failures for screened in failure.outranked_by_compliant),
        absent=tuple(dict.fromkeys(failure.ref for failure in failures if failure.absent)),
    )


def _warning(failure: _Failure) -> Warn:
    if failure.naming.source in (Source.EXPLICIT, Source.OVERRIDE):
        return _OVERRIDE_WARNS.get(failure.rejected, Warn.OVERRIDE_NOT_COMPLIANT_REVERTED)
    return _DEFAULT_WARNS.get(failure.rejected, Warn.DEFAULT_NOT_COMPLIANT_REVERTED)


def _note(failure: _Failure) -> str:
    name = label(failure.ref.sender_id, failure.ref.sender_type)
    return f"{name}, named by {failure.naming.namer}, cannot be used: {failure.words} ({failure.rejected})"
