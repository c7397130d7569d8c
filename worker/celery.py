"""The Celery application of this process, where Celery looks for it: `celery -A worker worker`, `celery -A worker flower`.

No other module builds one when it is imported.
"""

from worker.application import build_app

app = build_app()
