"""Envelopes of any shape: every header and property, each of every JSON type, missing, or huge."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from struct import pack
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from worker.envelopes.task_messages import (
    BATCH_TASK,
    CAMPAIGN_TASK,
    CHECK_DEFAULTS_TASK,
    MESSAGE_TASK,
    PRUNE_PARKED_TASK,
    WORK_TASK,
)

_Example = TypeVar("_Example")

TASKS = (MESSAGE_TASK, CAMPAIGN_TASK, WORK_TASK, BATCH_TASK, CHECK_DEFAULTS_TASK, PRUNE_PARKED_TASK, "os.system")
LATER = "2026-01-31T12:00:00+00:00"
CLAIM_ID = "ingress-" + "0" * 32


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


_HUGE = ("x" * 300_000, 10**400, nested(150), {"a" * 1000: "b" * 1000}, [0] * 10_000)
_PLAIN = (None, True, False, 0, 1, -1, 1.5, 2**63, "", "x", "\x00", "[1]", [], [1], {}, {"a": 1})
_TIMES = ("2030", "12:30", "0001-01-01", "9999-12-31T23:59:59+00:00", "2026-01-31T12:00:00+23:59", " ")
anything = st.sampled_from((*_PLAIN, *_HUGE)) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)

_GOOD_HEADERS: dict[str, Any] = {
    "task": MESSAGE_TASK,
    "id": "t1",
    "eta": LATER,
    "expires": None,
    "group": "g1",
    "group_index": 0,
    "retries": 0,
    "timelimit": [None, None],
    "root_id": "t1",
    "parent_id": None,
    "argsrepr": "()",
    "kwargsrepr": "{}",
    "origin": "gen1@host",
    "shadow": None,
    "lang": "py",
    "ignore_result": True,
    "stamped_headers": None,
    "stamps": {},
    "replaced_task_nesting": 0,
    "compression": None,
    "x-delivery-count": 0,
    "clock": 1,
    "ticket": "x",
    "hostname": "w@host",
}
_ASK_FOR_CELERY = ("eta", "group", "group_index")
_GOOD_PROPERTIES: dict[str, Any] = {
    "body_encoding": "base64",
    "delivery_tag": "d1",
    "delivery_info": {"exchange": "", "routing_key": "q"},
    "delivery_mode": 2,
    "priority": 0,
    "reply_to": None,
    "correlation_id": "t1",
    "message_id": "m1",
}
BODIES = (
    [[{"message_id": "m1"}], {}, {}],
    [[], {"message": {"message_id": "m1"}}, None],
    [[CLAIM_ID, 3], {}, {}],
    [[CLAIM_ID, 3, ["{}"]], {}, {}],
    [[], {}, {}],
    [[{}], {}, {"callbacks": [{"task": "x", "options": {"queue": "elsewhere"}}]}],
    {"task": MESSAGE_TASK, "id": "t1", "args": [{}], "retries": 1},
    {"method": "ping", "arguments": {}, "destination": None},
    {"type": "worker-heartbeat", "hostname": "w@host"},
)
bodies = (st.sampled_from(BODIES) | anything).map(lambda value: json.dumps(value).encode()) | st.binary(max_size=200)


@st.composite
def _mutated(draw: st.DrawFn, good: dict[str, Any]) -> Any:
    """The fields, a few of them of another type, missing or unknown; now and then something else altogether."""
    if draw(st.integers(0, 15)) == 0:
        return draw(anything)
    fields = dict(good)
    for name in draw(st.lists(st.sampled_from(sorted(good)), max_size=3)):
        if draw(st.booleans()):
            fields.pop(name, None)
        else:
            fields[name] = draw(anything)
    if draw(st.integers(0, 7)) == 0:
        fields[draw(st.text(max_size=8))] = draw(anything)
    return fields


headers = st.sampled_from(TASKS).flatmap(lambda task: _mutated(_GOOD_HEADERS | {"task": task}))
properties = _mutated(_GOOD_PROPERTIES)


def each_header_odd(asked: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Headers of a good task that asks for something, with one of them missing, or any value of any type."""
    good = {name: value for name, value in _GOOD_HEADERS.items() if name not in _ASK_FOR_CELERY} | dict(asked)
    for name in (*_GOOD_HEADERS, "meth", "groups", "expires", "taskset", "utc"):
        yield {other: value for other, value in good.items() if other != name}
        for value in (*_PLAIN, *_TIMES, *_HUGE):
            yield good | {name: value}


def element(told: Any, body: bytes) -> bytes:
    """A task message as kombu writes it to a Redis list."""
    return json.dumps(
        {
            "body": base64.b64encode(body).decode(),
            "content-type": "application/json",
            "content-encoding": "utf-8",
            "headers": told,
            "properties": _GOOD_PROPERTIES,
        }
    ).encode()


@st.composite
def elements(draw: st.DrawFn) -> bytes:
    """An element of a Redis list, or a message of a Redis channel."""
    body = draw(bodies)
    good = {
        "body": base64.b64encode(body).decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": draw(headers),
        "properties": draw(properties),
    }
    written = json.dumps(draw(_mutated(good))).encode()
    cut = draw(st.integers(0, 30))
    return written[: len(written) // 2] if cut == 0 else written


@st.composite
def raw_properties(draw: st.DrawFn) -> bytes:
    """AMQP properties as a hostile client could write them: any flags, any bytes, and tables of any type."""
    if draw(st.booleans()):
        return pack(">H", draw(st.integers(0, 0xFFFF))) + draw(st.binary(max_size=80))
    kind = draw(st.sampled_from(b"SsxbBUuIiLlfdDFAtTVZ"))
    entries = b"\x01a" + bytes([kind]) + draw(st.binary(max_size=40))
    return pack(">HI", 1 << 13, len(entries)) + entries


def drawn(strategy: st.SearchStrategy[_Example], count: int) -> list[_Example]:
    """So many examples of a strategy, for a test that sends them all at once."""
    found: list[_Example] = []

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(example: _Example) -> None:
        found.append(example)

    collect()
    return found
