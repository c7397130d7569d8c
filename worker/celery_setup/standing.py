"""The remote command by which a worker tells whether its threads and its pool get on: `celery inspect standing`."""

from __future__ import annotations

from dataclasses import asdict

from celery.worker.control import inspect_command

from worker.wiring import runtime

#: The name of the command.
STANDING = "standing"


@inspect_command(name=STANDING)  # type: ignore[untyped-decorator]
def standing(_: object) -> dict[str, object]:
    """What has come to no good end for HEALTH_STALL_S: threads that failed, hang or have ended, a pool that ends nothing."""
    parts = runtime()
    stalled = parts.watch.stalled(parts.settings.health_stall_s)
    return {"ok": not stalled, "stalled": [asdict(each) for each in stalled]}
