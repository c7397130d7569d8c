"""Tasks that are handed over to Celery's own consumer."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from worker.envelopes.handover import has_passed


@pytest.mark.parametrize(
    ("expires", "passed"),
    [
        (None, False),
        ("", False),
        ("2026-01-31T12:00:00+00:00", True),
        ("2026-01-31T12:00:01Z", False),
        ("2026-01-31T13:00:01+01:00", False),
        ("2026-01-31T12:00:00", True),
    ],
)
def test_it_tells_whether_the_end_of_a_task_has_come(expires: str | None, passed: bool) -> None:
    assert has_passed(expires, datetime(2026, 1, 31, 12, tzinfo=UTC)) is passed
