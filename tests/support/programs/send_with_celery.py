"""A producer as any team writes it: Celery, a queue name, JSON. It imports nothing of this project.

Reads an order from stdin: `broker`, `queue`, `calls` (each `args`, `kwargs`, `options` of `send_task`, `task`), and
prints a JSON list: for each call the task's id, or with `wait` its result.
"""

import json
import sys

from celery import Celery
from kombu import Queue

order = json.load(sys.stdin)
app = Celery("producer", broker=order["broker"], backend=order.get("backend"))
app.conf.task_queues = [Queue(order["queue"], no_declare=True)] if order.get("no_declare", True) else None
app.conf.broker_transport_options = {"confirm_publish": True}  # what was sent stands in its queue when this ends
app.conf.update(order.get("conf", {}))

results = [
    app.send_task(
        call.get("task", "message.assign"),
        args=call.get("args"),
        kwargs=call.get("kwargs"),
        queue=order["queue"],
        **call.get("options", {}),
    )
    for call in order["calls"]
]
answers = [result.get(timeout=order["wait"]) if "wait" in order else result.id for result in results]
json.dump(answers, sys.stdout)
