"""The scheduler as `smart-assign scheduler` runs it, with tasks that are due every three seconds: `python -m` this."""

from __future__ import annotations

from datetime import timedelta

from worker.application import build_app
from worker.celery_setup.schedule import CHECK_DEFAULTS_TASK, PRUNE_PARKED_TASK
from worker.cli.roles.celery_programs import begin

EVERY_S = 3


def main() -> None:
    begin("scheduler", as_json=False)
    app = build_app()
    every = timedelta(seconds=EVERY_S)
    app.conf.beat_schedule = {
        name: {"task": name, "schedule": every, "options": {"expires": 60}}
        for name in (CHECK_DEFAULTS_TASK, PRUNE_PARKED_TASK)
    }
    app.start(["--quiet", "beat", "--loglevel", "INFO"])


if __name__ == "__main__":
    main()
