"""How much is measured."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Options:
    """`scale` multiplies the messages of every run; `full` adds the sizes that take long."""

    repeats: int = 3
    scale: float = 1.0
    full: bool = False
    quick: bool = False
    began: float = field(default_factory=time.monotonic)

    def scaled(self, messages: int, step: int = 1) -> int:
        """So many messages at this scale, a multiple of `step`."""
        return max(step, round(messages * self.scale / step) * step)

    def say(self, text: str) -> None:
        """Progress, for people, on stderr."""
        print(f"[{time.monotonic() - self.began:5.0f} s] {text}", file=sys.stderr, flush=True)
