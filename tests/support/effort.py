"""How many cases a property test takes: few in the everyday run, all in CI, more in a sweep.

`SMART_ASSIGN_TEST_EFFORT` multiplies them: 1 (the default) for the everyday run, FULL for CI, hundreds for a sweep.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final, TypeVar

from hypothesis import HealthCheck, settings

FULL: Final = 10
EFFORT: Final = int(os.environ.get("SMART_ASSIGN_TEST_EFFORT", "1"))

_Case = TypeVar("_Case")


def examples(full: int) -> settings:
    """Settings of a property test that draws `full` examples in CI and a tenth of them in the everyday run."""
    too_slow = [HealthCheck.too_slow]
    return settings(max_examples=max(1, full * EFFORT // FULL), deadline=None, suppress_health_check=too_slow)


def portion(cases: Sequence[_Case]) -> Sequence[_Case]:
    """All of a table of cases in CI, and each tenth of them in the everyday run."""
    return cases[:: max(1, FULL // EFFORT)]
