"""What the garbage collector is spared."""

from __future__ import annotations

import gc

from core.process.garbage import YOUNG_OBJECTS, freeze


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
