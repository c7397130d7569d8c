"""What the garbage collector is spared."""

from __future__ import annotations

import gc

from core.heap import spare_the_collector


def test_it_takes_what_is_loaded_out_of_the_rounds() -> None:
    loaded = [[] for _ in range(100)]
    try:
        spare_the_collector()
        assert gc.get_freeze_count() > len(loaded)
        assert len(gc.get_objects()) < gc.get_freeze_count()
    finally:
        gc.unfreeze()
