"""The Celery application of this process, where Celery looks for it: `celery -A worker worker`, `celery -A worker flower`."""

from worker.celery_setup.app import build_app

app = build_app()
