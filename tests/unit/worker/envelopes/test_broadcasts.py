"""Commands of the control channel: which are obeyed, and with what arguments."""

from __future__ import annotations

import json
from typing import Any

import pytest

from worker.envelopes.broadcasts import read_broadcast_delivery
from worker.envelopes.commands import CHANGING, LOOKING, Commands


def read(command: dict[str, Any], commands: Commands) -> dict[str, Any]:
    body = json.dumps({"destination": None, "ticket": "t", **command}).encode()
    written: dict[str, Any] = json.loads(read_broadcast_delivery({}, "application/json", body, commands).body)
    return written


@pytest.mark.parametrize(
    ("method", "arguments", "written"),
    [
        ("ping", None, {}),
        ("ping", {"state": "x"}, {}),
        ("active", {"safe": False}, {}),
        ("conf", {"with_defaults": True}, {"with_defaults": True}),
        ("query_task", {"ids": ["a", "b"]}, {"ids": ["a", "b"]}),
        ("registered", {"taskinfoitems": ["rate_limit"]}, {"taskinfoitems": ["rate_limit"]}),
        ("hello", {"from_node": "w@h", "revoked": ["a"]}, {"from_node": "w@h", "revoked": ["a"]}),
        ("hello", {"from_node": "w@h", "revoked": {"a": 1.5}}, {"from_node": "w@h", "revoked": {"a": 1.5}}),
        ("revoke", {"task_id": "a", "terminate": False, "signal": "TERM"}, {"task_id": "a", "signal": "TERM"}),
    ],
)
def test_it_obeys_what_looks_with_the_arguments_that_it_has(
    method: str, arguments: dict[str, Any] | None, written: dict[str, Any]
) -> None:
    for commands in (LOOKING, CHANGING):
        came = read({"method": method, "arguments": arguments}, commands)
        assert (came["method"], came["arguments"]) == (method, written)


CHANGES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("shutdown", {}),
    ("pool_grow", {"n": 2}),
    ("pool_shrink", {"n": 2}),
    ("terminate", {"task_id": "a", "signal": "KILL"}),
    ("revoke", {"task_id": "a", "terminate": True}),
    ("rate_limit", {"task_name": "message.assign", "rate_limit": "1/s"}),
    ("time_limit", {"task_name": "message.assign", "hard": 1.0}),
)


@pytest.mark.parametrize(("method", "arguments"), CHANGES, ids=[method for method, _ in CHANGES])
def test_it_obeys_what_changes_a_worker_only_where_that_is_allowed(method: str, arguments: dict[str, Any]) -> None:
    command = {"method": method, "arguments": arguments}
    with pytest.raises(ValueError, match=r"no command|changes the worker"):
        read(command, LOOKING)
    assert read(command, CHANGING)["arguments"] == arguments


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("add_consumer", {"queue": "x", "exchange_type": "[["}),
        ("cancel_consumer", {"queue": "smart-assign.work"}),
        ("autoscale", {"max": 0}),
        ("election", {"id": "x", "topic": 1}),
        ("memdump", {"samples": 10**9}),
        ("objgraph", {}),
        ("pool_restart", {"modules": ["os"]}),
        ("revoke_by_stamped_headers", {"headers": 1}),
        ("__init__", {}),
        ("revoke", {"task_id": {"a": 1}}),
        ("revoke", {"task_id": None}),
        ("hello", {"from_node": 1}),
        ("hello", {"from_node": "w@h", "revoked": [[1]]}),
        ("pool_shrink", {"n": -1}),
        ("pool_grow", {"n": 10**9}),
        ("rate_limit", {"task_name": "message.assign", "rate_limit": "x/y"}),
        ("time_limit", {"task_name": "message.assign", "hard": "x"}),
        ("ping", [1]),
        ("revoke", None),
    ],
)
def test_it_obeys_nothing_that_could_trip_a_worker(method: str, arguments: Any) -> None:
    with pytest.raises(ValueError, match=r"[a-z]"):
        read({"method": method, "arguments": arguments}, CHANGING)
