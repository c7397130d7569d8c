"""The Lua scripts by which Redis does several things at once, or none of them.

A script is given the names and limits of its deployment as constants, which are written in front of it; what differs from
call to call comes as one header in JSON with named fields; the documents, envelopes and marks that it moves follow as they
are, for they may be any bytes. So no script counts its arguments, and Redis has less to read than by names in every call.
"""

from __future__ import annotations

import math
import string
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import redis

from core.trust.keys import TrustKeys
from core.trust.rates import FORGOTTEN_AFTER_HALF_LIVES
from worker.handoff.keys import INGRESS_LANE, MESSAGES_LANE, RESEND_LANE, Keys
from worker.handoff.script_headers import ScriptHeader
from worker.handoff.settlement import TASK_MARK_S
from worker.settings import Settings

#: Claims that wait in a line are taken up after this time by whoever knows of no lines: a worker of an earlier version.
WAITING_S = 3600
_LUA = Path(__file__).parent / "lua"
_HAND_OFF = ("_now", "_hand_off")
#: What is put before a script, in this order.
_SHARED = {
    "begin": ("_now",),
    "chunk": _HAND_OFF,
    "claim": ("_now", "_take", "_lines"),
    "feedback_count": ("_now", "_rates"),
    "feedback_counted": ("_now",),
    "feedback_settle": (*_HAND_OFF, "_rates"),
    "feedback_take": ("_now",),
    "first_edition": _HAND_OFF,
    "observe": ("_now",),
    "part": ("_now", "_take", "_lines"),
    "postpone": ("_now",),
    "recover": ("_now",),
    "remember": _HAND_OFF,
    "reserve": _HAND_OFF,
    "settle": _HAND_OFF,
    "split": ("_now",),
}
#: How long it is remembered which receipts were counted whose acknowledgement RabbitMQ may not have heard.
FEEDBACK_DOUBT_S = 86_400
_encode = msgspec.json.Encoder().encode


class Scripts:
    """The scripts of one deployment at one Redis. Every call is one trip, and may raise redis.RedisError."""

    def __init__(self, client: redis.Redis, settings: Settings) -> None:
        self._scripts = {name: client.register_script(text) for name, text in script_texts(settings).items()}

    def run(self, header: ScriptHeader, *lists: bytes | str) -> Any:
        """Run the script that the header is for, with the lists that it is to move; gives what the script returns."""
        return self._scripts[header.script](args=[_encode(header), *lists])

    def run_bare(self, name: str, *lists: bytes | str) -> Any:
        """Run a script that needs lists alone."""
        return self._scripts[name](args=lists)


def script_texts(settings: Settings) -> dict[str, str]:
    """The scripts of a deployment by name, each with its constants and with what it shares with others."""
    constants = "".join(f"local {name} = {_literal(value)}\n" for name, value in script_constants(settings).items())
    return {name: constants + text for name, text in _texts().items()}


@cache
def _texts() -> dict[str, str]:
    files = {path.stem: path.read_text() for path in _LUA.glob("*.lua")}
    return {
        name: "".join(files[shared] for shared in _SHARED.get(name, ())) + text
        for name, text in files.items()
        if not name.startswith("_")
    }


def _queue_constants(settings: Settings) -> dict[str, str | int]:
    return {
        "DISPATCH_QUEUE": settings.dispatch_queue,
        "EVENTS_QUEUE": settings.events_queue,
        "FEEDBACK_QUEUE": settings.feedback_queue,
        "INGRESS_QUEUE": settings.ingress_queue,
        "MESSAGES_QUEUE": settings.messages_queue,
        "PARKED_QUEUE": settings.parked_queue,
        "RESEND_QUEUE": settings.resend_queue,
        "WORK_QUEUE": settings.work_queue,
    }


def script_constants(settings: Settings) -> dict[str, str | int]:
    """What every script of a deployment knows: keys, queues and limits. DEADLINE_MS is that of a claim."""
    keys, policy = Keys(settings.key_prefix), settings.trust_policy
    return {
        "ARRIVALS_STEM": keys.arrivals_stem,
        "ATTEMPTS": keys.attempts,
        "BOUNDS": keys.bounds,
        "CAMPAIGNS_BEGUN_STEM": keys.campaigns_begun_stem,
        "CLAIMS": keys.claims,
        "CLAIM_STEM": keys.claim_stem,
        "COUNTS": keys.counts,
        "EDITION": keys.edition,
        "EVENT_OUTBOX": keys.event_outbox,
        "FEEDBACK_ATTEMPTS": keys.feedback_attempts,
        "FEEDBACK_CLAIMS": keys.feedback_claims,
        "FEEDBACK_CLAIM_STEM": keys.feedback_claim_stem,
        "FEEDBACK_CONNECTIONS": keys.feedback_connections,
        "FEEDBACK_COUNTED_STEM": keys.feedback_counted_stem,
        "GAVE_WAY": keys.gave_way,
        "INTAKE": keys.intake,
        "IN_FLIGHT": keys.in_flight,
        "NOT_COUNTED_STEM": keys.not_counted_stem,
        "OUTBOX": keys.outbox,
        "RESERVED": keys.reserved,
        "SEEN_STEM": keys.seen_stem,
        "RATES_STEM": TrustKeys(settings.key_prefix).rates_stem,
        "TRUST_DUE": TrustKeys(settings.key_prefix).due,
        **_queue_constants(settings),
        "INGRESS_LINES": keys.lines(INGRESS_LANE),
        "MESSAGES_LINES": keys.lines(MESSAGES_LANE),
        "RESEND_LINES": keys.lines(RESEND_LANE),
        "CAMPAIGNS_A_DAY": settings.campaigns_a_day,
        "DEADLINE_MS": int(settings.claim_deadline_s * 1000),
        "DISPATCH_MAX_LENGTH": settings.dispatch_max_length,
        "EVENTS_MAX_LENGTH": settings.events_max_length,
        "FEEDBACK_DOUBT_S": FEEDBACK_DOUBT_S,
        "FORGOTTEN_S": math.ceil(FORGOTTEN_AFTER_HALF_LIVES * policy.half_life_s),
        "HALF_LIFE_S": math.ceil(policy.half_life_s),
        "RECENT_HALF_LIFE_S": math.ceil(policy.recent_half_life_s),
        "PROGRESS_TTL_S": settings.progress_ttl,
        "TASK_MARK_S": TASK_MARK_S,
        "WAITING_MS": WAITING_S * 1000,
        "WINDOW_S": settings.idempotency_window,
    }


#: Bytes that a Lua string may hold as they are.
_PLAIN = frozenset(f"{string.ascii_letters}{string.digits}.:-_".encode())


def _literal(value: str | int) -> str:
    """A value as Lua writes it; a byte that is not plain is written by its number."""
    if isinstance(value, int):
        return str(value)
    return "'" + "".join(chr(byte) if byte in _PLAIN else f"\\{byte:03d}" for byte in value.encode()) + "'"
