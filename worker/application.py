"""The Celery application whole: its steps, and the tasks that it runs."""

from __future__ import annotations

from celery import Celery

from worker.celery_setup.app import bare_app
from worker.tasks import TASKS


def build_app() -> Celery:
    """A new application, to be built once in a process; nothing connects, and no setting is read, before it is used."""
    app = bare_app()
    for task in TASKS:
        task.add_to(app)
    return app
