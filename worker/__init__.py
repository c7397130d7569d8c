"""Moves: the queue in, the queue out. `celery -A worker …` finds the application here."""

from worker.app import build_app

celery = build_app()
