"""A stock Celery application: a task that does nothing, and one that publishes one enriched message with kombu."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery, signals

from benchmarks.programs.enriched import DOCUMENT

DISPATCH = os.environ["BENCH_DISPATCH"]
BROKER = os.environ["BENCH_BROKER_URL"]

app = Celery("stock", broker=BROKER)
app.conf.update(task_ignore_result=True, task_default_queue=os.environ["BENCH_QUEUE"])
if BROKER.startswith("amqp"):
    app.conf.broker_transport_options = {"confirm_publish": True}


@app.task(name="stock.noop")
def noop(message: dict[str, Any]) -> None:
    """Nothing."""


@app.task(name="stock.forward")
def forward(message: dict[str, Any]) -> None:
    """Publish the message, enriched; its id becomes the AMQP property."""
    with app.producer_pool.acquire(block=True) as producer:
        document = DOCUMENT | {"message_id": message["message_id"], "to": message["to"]}
        producer.publish(
            document, exchange="", routing_key=DISPATCH, serializer="json", message_id=message["message_id"]
        )


@signals.worker_ready.connect
def _tell(**_: object) -> None:
    print("stock ready.", flush=True)
