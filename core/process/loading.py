"""What is loaded by its name, when it is called: the one place that does so."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def load(place: str) -> Any:
    """What stands at `module:attribute`; the module is imported when it is not yet."""
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)
