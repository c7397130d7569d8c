"""Every code of a decision in words: what it means, and what changes it. `docs/codes.md` is written from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.engine.decision import RankStep, Reason, Rejection, Source, Warn


@dataclass(frozen=True, slots=True)
class CodeInfo:
    """What a person reads about a code; `remedy` is empty where there is nothing to mend."""

    meaning: str
    remedy: str = ""


SOURCES: Mapping[Source, CodeInfo] = {
    Source.EXPLICIT: CodeInfo("the message named the sender"),
    Source.OVERRIDE: CodeInfo("the campaign batch named the sender for this country"),
    Source.DEFAULT: CodeInfo("the default sender of whoever sends, an account or a sub-account"),
    Source.INHERITED_DEFAULT: CodeInfo("the default sender of the account that the sub-account belongs to"),
    Source.SMART: CodeInfo("Smart Assign chose: the first of all candidates by the ranking"),
    Source.RESEND: CodeInfo("decided again, by the same steps, without the senders that had failed at the carrier"),
}

REASONS: Mapping[Reason, CodeInfo] = {
    Reason.EXPLICIT: CodeInfo("the message named it, and it may be used"),
    Reason.OVERRIDE: CodeInfo("the campaign batch named it, and it may be used"),
    Reason.DEFAULT: CodeInfo("it is the first strategy of the default that may be used"),
    Reason.INHERITED_DEFAULT: CodeInfo("it is the first strategy of the parent's default that may be used"),
    Reason.REGISTERED_NAME: CodeInfo("a name (alpha tag) that is registered in the recipient's country"),
    Reason.NAME: CodeInfo("a name (alpha tag) in a country that asks for no registration"),
    Reason.LOCAL_DEDICATED: CodeInfo("a number of the recipient's country that the account alone uses"),
    Reason.FOREIGN_DEDICATED: CodeInfo("a number of another country that the account alone uses"),
    Reason.LOCAL_SHARED: CodeInfo("a number of the recipient's country that is shared with others"),
    Reason.FOREIGN_SHARED: CodeInfo("a number of another country that is shared with others"),
}

WARNINGS: Mapping[Warn, CodeInfo] = {
    Warn.OVERRIDE_NOT_OWNED_REVERTED: CodeInfo(
        "the message or batch named a sender that the account does not hold; the next step decided",
        "add the sender to the account, or name another",
    ),
    Warn.OVERRIDE_NOT_ACTIVE_REVERTED: CodeInfo(
        "the message or batch named a sender that may not send at present; the next step decided",
        "`smart-assign senders set-status`, or name another",
    ),
    Warn.OVERRIDE_NOT_COMPLIANT_REVERTED: CodeInfo(
        "the message or batch named a sender that the recipient's country does not accept; the next step decided",
        "register the sender in that country, or name another",
    ),
    Warn.DEFAULT_NOT_OWNED_REVERTED: CodeInfo(
        "a strategy of the default names a sender that the account no longer holds; the next one decided",
        "change the default: `smart-assign defaults check` lists what to change",
    ),
    Warn.DEFAULT_NOT_ACTIVE_REVERTED: CodeInfo(
        "a strategy of the default names a sender that may not send at present; the next one decided",
        "activate the sender, or change the default",
    ),
    Warn.DEFAULT_NOT_COMPLIANT_REVERTED: CodeInfo(
        "a strategy of the default names a sender that the country no longer accepts; the next one decided",
        "register the sender, or change the default: `smart-assign defaults check` lists what to change",
    ),
    Warn.SENDER_ALTERED: CodeInfo(
        "nothing compliant exists: carriers of this country replace or label the sender",
        "hold a compliant sender, or park such messages with `SMART_ASSIGN_ALTERED_SENDERS=forbid`",
    ),
    Warn.RULE_UNKNOWN: CodeInfo(
        "the rules say nothing of this sender type in this country, or nothing that is sure",
        "`smart-assign rules override`, or park such messages with `SMART_ASSIGN_UNKNOWN_RULE=forbid`",
    ),
    Warn.SENDER_UNHEALTHY: CodeInfo(
        "most of the sender's latest messages to this country failed, and nothing that ranks as high is left, or it was named",
        "`smart-assign trust show`; ask its carrier, or hold another sender for the country",
    ),
    Warn.COUNTRY_MONITORED: CodeInfo(
        "the account, or the one above it, watches what is sent to this country; an event tells of it",
        "`smart-assign destinations set … --mode allow` where that is not needed any more",
    ),
}

REJECTIONS: Mapping[Rejection, CodeInfo] = {
    Rejection.NOT_OWNED: CodeInfo("neither the account nor one that it may borrow from holds it", "add the sender"),
    Rejection.NOT_ACTIVE: CodeInfo(
        "its status or its expiry does not let it send", "`smart-assign senders set-status … active`"
    ),
    Rejection.MALFORMED: CodeInfo("it is no number or name of its type", "correct it in the inventory"),
    Rejection.NAME_TOO_LONG: CodeInfo("the country takes only shorter names", "use and register a shorter one"),
    Rejection.NAME_TOO_SHORT: CodeInfo("the country takes only longer names", "use and register a longer one"),
    Rejection.NAME_FORM: CodeInfo(
        "it holds characters that the country does not take in names", "use and register one without them"
    ),
    Rejection.NAME_GENERIC: CodeInfo(
        "the country refuses generic words as names", "use and register the name of the business"
    ),
    Rejection.TYPE_BLOCKED: CodeInfo("the country blocks senders of this type", "hold a sender of another type"),
    Rejection.ALTERED_FORBIDDEN: CodeInfo(
        "carriers would replace or label it, and the policy forbids such senders",
        "hold a compliant sender, or set `SMART_ASSIGN_ALTERED_SENDERS=allow`",
    ),
    Rejection.RULE_UNKNOWN: CodeInfo(
        "the rules say nothing of it, and the policy keeps it back",
        "`smart-assign rules override` where you know the rule",
    ),
    Rejection.SENDER_COUNTRY_NOT_ALLOWED: CodeInfo(
        "the country takes this type, but not from the country of this sender",
        "hold a sender of a country that it takes",
    ),
    Rejection.NOT_REGISTERED: CodeInfo(
        "the country asks for a registration that is not there, not approved, or not in date",
        "register it, then `smart-assign senders register`",
    ),
    Rejection.PRODUCT_NOT_SUPPORTED: CodeInfo("it cannot carry the product", "hold a sender that can"),
    Rejection.NO_REPLIES: CodeInfo("a reply is expected, and it cannot receive one", "hold a two-way number"),
    Rejection.TRAFFIC_CLASS_NOT_ALLOWED: CodeInfo(
        "it is not for messages of this traffic class", "hold a sender that is, or correct the message's class"
    ),
    Rejection.PROMOTION_NOT_ALLOWED: CodeInfo(
        "the country takes no promotional messages from such senders", "hold a sender of another type"
    ),
    Rejection.PROMOTIONAL_AFFIX: CodeInfo(
        "the country asks for its mark of promotion in the name, or forbids it in others",
        "register the name as the country asks for it",
    ),
    Rejection.CONTENT_NOT_ALLOWED: CodeInfo(
        "the country does not take from such a sender what the text holds: a link, a shortened link, a telephone number",
        "leave it out, or register the sender where that is enough; `explain --body` shows what was found",
    ),
    Rejection.DEDICATED_AVAILABLE: CodeInfo("it is shared, and the account holds a compliant sender of its own here"),
    Rejection.COMPLIANT_AVAILABLE: CodeInfo("carriers would alter it, and a compliant sender exists"),
    Rejection.FAILED_BEFORE: CodeInfo("in a resend: this message failed with it at the carrier"),
}

RANK_STEPS: Mapping[RankStep, CodeInfo] = {
    RankStep.GRADE: CodeInfo("compliant before altered"),
    RankStep.REGISTERED: CodeInfo("registered in the recipient's country before not registered"),
    RankStep.LOCAL: CodeInfo("of the recipient's country, or a name registered there, before foreign"),
    RankStep.DEDICATED: CodeInfo("the account's alone before shared"),
    RankStep.HEALTH: CodeInfo("whose messages arrive before one most of whose latest messages failed"),
    RankStep.NEAREST_OWNER: CodeInfo("of whoever sends, before its parent's, before the platform's"),
    RankStep.TYPE_PREFERENCE: CodeInfo("the type that the country prefers first"),
    RankStep.TRUST: CodeInfo("the higher trust first: as measured by receipts, else as the inventory has it"),
    RankStep.RECENCY: CodeInfo("the one bought or activated last first"),
    RankStep.SENDER_ID: CodeInfo("by the sender id, so that two equal senders always fall the same way"),
}
