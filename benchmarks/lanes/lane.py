"""What every lane is: a way in which messages pass, or the limit of one, run once a round."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.figures import Run
from benchmarks.services import Services


@dataclass(frozen=True, slots=True)
class Lane:
    """`beside` names the lanes that it is compared with; they run in the same round."""

    name: str
    title: str
    broker: str
    messages: int
    run: Callable[[Services, int], Run]
    beside: tuple[str, ...] = ()
    ours: bool = False
