"""What `check --workers` makes of the answers of workers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from worker.supervision.fitness import workers_check

WELL = {"ok": True, "stalled": []}
STALLED = {"ok": False, "stalled": [{"work": "announce_parked", "seconds": 75.2, "reason": "no such column"}]}


@pytest.mark.parametrize(
    ("answers", "ok", "detail"),
    [
        pytest.param([{"b@h": WELL}, {"a@h": WELL}], True, "a@h, b@h", id="all well"),
        pytest.param(None, False, "no worker answers", id="none"),
        pytest.param([{"a@h": {"error": "KeyError('standing')"}}], True, "a@h", id="an older version"),
        pytest.param(
            [{"a@h": WELL}, {"b@h": STALLED}],
            False,
            "b@h: announce_parked has come to no good end for 75 s: no such column",
            id="a thread that fails",
        ),
    ],
)
def test_it_says_who_does_not_get_on(answers: Any, ok: bool, detail: str) -> None:
    app: Any = SimpleNamespace(control=SimpleNamespace(broadcast=lambda *_, **__: answers))
    found = workers_check(app)
    assert (found.ok, found.detail) == (ok, detail)
