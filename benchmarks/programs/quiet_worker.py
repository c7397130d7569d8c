"""Our worker without the events that Flower shows."""

from __future__ import annotations

from worker.celery import app

app.conf.worker_send_task_events = False
