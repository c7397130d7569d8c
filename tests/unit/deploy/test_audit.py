"""What `make audit` says: of what is known, of what could not be asked, and never that all is well without having asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from deploy.audit import told

CLEAN = {"name": "celery", "version": "5.6.1", "vulns": []}
KNOWN = {"name": "redis", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1", "2.0"]}]}
UNMENDED = {"name": "kombu", "version": "1.0", "vulns": [{"id": "PYSEC-2", "fix_versions": []}]}
UNKNOWN = {"name": "amqp", "version": "5.4.2", "skip_reason": "Dependency not found"}

CASES = {
    "nothing known": ([CLEAN], ["x: nothing is known against the 1 packages that were audited."], False),
    "something known": ([CLEAN, KNOWN], ["x: redis 1.0: PYSEC-1, mended in 1.1, 2.0"], True),
    "not mended": ([UNMENDED], ["x: kombu 1.0: PYSEC-2, mended in none"], True),
    "away": (None, ["x: the database of vulnerabilities cannot be reached, so nothing was audited."], False),
    "empty": (
        [UNKNOWN],
        [
            "x: 1 of 1 packages could not be audited: the database of vulnerabilities knows nothing of them, or cannot be reached."
        ],
        False,
    ),
    "some of them": (
        [CLEAN, UNKNOWN],
        [
            "x: 1 of 2 packages could not be audited: the database of vulnerabilities knows nothing of them, or cannot be reached.",
            "x: nothing is known against the 1 packages that were audited.",
        ],
        False,
    ),
}


@pytest.mark.parametrize(("packages", "lines", "fails"), CASES.values(), ids=CASES)
def test_it_says(packages: Sequence[dict[str, Any]] | None, lines: list[str], fails: bool) -> None:
    assert told("x", packages) == (lines, fails)
