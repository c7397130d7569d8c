"""A decision as people and programs read it: the document of `explain --json`, and one sentence why."""

from __future__ import annotations

from dataclasses import replace

from core.engine.decision import Candidate, Chosen, Decision, NoSender, Reason, Request, Warn
from core.engine.graded_sender import label
from core.engine.nearness import NearestSender, nearness_words, place_of
from core.engine.spread import pick_sender, tickets_of
from core.moments import moment_text
from core.sender import Sender, naming_fields

_REASON_WORDS = {
    Reason.REGISTERED_NAME: "a name registered in {country}",
    Reason.NAME: "a name",
    Reason.LOCAL_DEDICATED: "a dedicated number of {country}",
    Reason.FOREIGN_DEDICATED: "a dedicated number from abroad",
    Reason.LOCAL_SHARED: "a shared number of {country}",
    Reason.FOREIGN_SHARED: "a shared number from abroad",
}

_CONTENT_WORDS = {"has_url": "a link", "has_shortener": "a shortener", "has_phone": "a telephone number"}

_WARNING_WORDS = {
    Warn.SENDER_ALTERED: "it arrives replaced or labelled",
    Warn.RULE_UNKNOWN: "nothing is known of the rule",
    Warn.SENDER_UNHEALTHY: "most of its latest messages there failed",
}


def explanation(decision: Decision) -> dict[str, object]:
    """The decision as plain JSON values, complete: printing it later needs nothing else.

    `pool` only where there is one, `content` only where the text holds what the country has a rule for.
    """
    request = decision.request
    return {
        "decision_id": decision.decision_id,
        "sender": None if decision.sender is None else _sender(decision.sender),
        "account_id": request.account_id,
        "subaccount_id": request.subaccount_id,
        "country": request.country,
        "product": request.product.value,
        "traffic_class": request.traffic_class.value,
        "reply_expected": request.reply_expected,
        "source": decision.source and decision.source.value,
        "grade": decision.grade and decision.grade.value,
        "reason": _reason(decision.outcome),
        "warnings": [warning.value for warning in decision.warnings],
        "rules_version": decision.rules_version,
        "valid_until": decision.valid_until and moment_text(decision.valid_until),
        "destination": decision.destination.document(),
        "sentence": sentence(decision),
        "alternates": [_sender(each.sender) | {"grade": each.grade.value} for each in decision.alternates],
        "candidates": [_candidate(candidate) for candidate in decision.candidates],
        **({"content": request.content._asdict()} if any(request.content) else {}),
        **({"pool": _pool(decision.outcome)} if isinstance(decision.outcome, Chosen) and decision.pool else {}),
    }


def for_recipient(decision: Decision, e164: str) -> Decision:
    """The decision as one recipient meets it: where they share several senders, with the one that it gets, and why."""
    outcome = decision.outcome
    if isinstance(outcome, NoSender) or not outcome.pool:
        return decision
    tickets = tickets_of(outcome.pool)
    if outcome.nearest:
        places = [place_of(member.sender) for member in outcome.pool]
        sender = outcome.pool[NearestSender(places, tickets, spread=outcome.spread).pick(e164)].sender
        near = nearness_words(sender, e164) or "none is near this recipient"
        decision = replace(decision, detail=f"{decision.detail}; {near}")
    else:
        sender = outcome.pool[pick_sender(e164, tickets)].sender
    return replace(decision, outcome=replace(outcome, sender=sender, alternates=outcome.alternates_after(sender)))


def sentence(decision: Decision) -> str:
    """Why this sender, or why none, in one English sentence."""
    request, outcome = decision.request, decision.outcome
    what = f"{request.product}{_content_words(request)} to {request.country}"
    if isinstance(outcome, NoSender):
        return f"No sender for {what} ({outcome.park}): {decision.detail}."
    name = label(outcome.sender.sender_id, outcome.sender.sender_type)
    return f"{name} sends {what}{as_what(decision)}: {decision.detail}."


def _content_words(request: Request) -> str:
    words = [_CONTENT_WORDS[name] for name in request.content.names]
    return f" with {' and '.join(words)}" if words else ""


def as_what(decision: Decision) -> str:
    """What the sender is, as a clause that begins with a comma; empty where another than Smart Assign named it."""
    words = _REASON_WORDS.get(decision.reason) if decision.reason else None
    kind = f", {words.format(country=decision.request.country)}" if words else ""
    return kind + "".join(
        f", though {_WARNING_WORDS[warning]}" for warning in decision.warnings if warning in _WARNING_WORDS
    )


def _reason(outcome: Chosen | NoSender) -> str:
    """Without a sender, the parking code."""
    return outcome.park.value if isinstance(outcome, NoSender) else outcome.reason.value


def _sender(sender: Sender) -> dict[str, str | None]:
    return naming_fields(sender.sender_id, sender.sender_type, sender.country)


def _pool(chosen: Chosen) -> list[dict[str, object]]:
    """The senders that recipients share: each with its share, or, where the nearest goes first, with where it is."""
    whole = sum(member.weight for member in chosen.pool)
    documents: list[dict[str, object]] = []
    for member in chosen.pool:
        share = round(member.weight / whole, 4) if chosen.spread else None
        document: dict[str, object] = {**_sender(member.sender), "share": share}
        if chosen.nearest:
            place = place_of(member.sender)
            document |= {"area_code": place and place.area_code, "region": place and (place.region or None)}
        documents.append(document)
    return documents


def _candidate(candidate: Candidate) -> dict[str, object]:
    """`str` is quicker than `.value`, and there may be a thousand."""
    return {
        "sender_id": candidate.sender_id,
        "sender_type": candidate.sender_type and str(candidate.sender_type),
        "sender_country_code": candidate.sender_country,
        "account_id": candidate.account_id,
        "grade": str(candidate.grade),
        "rank": candidate.rank,
        "rejected": candidate.rejected and str(candidate.rejected),
        "detail": candidate.detail,
    }
