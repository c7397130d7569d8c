"""Which commands of Celery's control channel this deployment's workers obey."""

from __future__ import annotations

from worker.configuration import configured
from worker.envelopes.commands import CHANGING, LOOKING, Commands


def obeyed() -> Commands:
    """Those that look; where ALLOW_CONTROL is set, those that change a worker too."""
    return CHANGING if configured().settings.allow_control else LOOKING
