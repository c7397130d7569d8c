"""What the garbage collector is spared."""

from __future__ import annotations

import gc
import platform
import subprocess
import sys

import pytest

from core.process.garbage import YOUNG_OBJECTS, freeze

#: A claim's envelopes, made and freed again; prints the page faults of a claim.
CLAIMS = """
import resource
from core.process.garbage import keep_buffers
assert keep_buffers()
def claim():
    envelopes = [bytes(1400) for _ in range(1000)]
    return b"".join(envelopes)[:1]
claim()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    claim()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // 20)
"""


def test_it_takes_what_is_loaded_out_of_the_rounds() -> None:
    loaded: list[list[int]] = [[] for _ in range(100)]
    before = gc.get_threshold()
    try:
        freeze()
        assert gc.get_freeze_count() > len(loaded)
        assert len(gc.get_objects()) < gc.get_freeze_count()
        assert gc.get_threshold()[0] == YOUNG_OBJECTS
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives memory back at once")
def test_it_takes_no_memory_from_the_system_for_every_claim() -> None:
    run = subprocess.run([sys.executable, "-c", CLAIMS], capture_output=True, text=True, check=True)
    assert int(run.stdout) < 50
