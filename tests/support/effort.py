"""How many examples a property test draws: few in the everyday run, all in CI, more in a sweep.

`SMART_ASSIGN_TEST_EFFORT` multiplies them: 1 (the default) for the everyday run, FULL for CI, hundreds for a sweep.
"""

from __future__ import annotations

import os
from typing import Final

from hypothesis import HealthCheck, settings

FULL: Final = 4
EFFORT: Final = int(os.environ.get("SMART_ASSIGN_TEST_EFFORT", "1"))


def examples(full: int) -> settings:
    """Settings of a property test that draws `full` examples in CI and a quarter of them in the everyday run."""
    too_slow = [HealthCheck.too_slow]
    return settings(max_examples=max(1, full * EFFORT // FULL), deadline=None, suppress_health_check=too_slow)
