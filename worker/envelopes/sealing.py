"""kombu's envelope on Redis, written: what a stock kombu consumer, or Celery's own, reads from a list."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import pybase64

from core.encoding import CONTENT_TYPE, encode_json
from worker.envelopes.opening import ForCelery
from worker.envelopes.task_messages import task_headers

_ENCODED_BODY = b'{"body": "'
_TAIL = (
    '", "content-encoding": "utf-8", "content-type": "' + CONTENT_TYPE + '", "headers": {}, "properties": '
    '{"delivery_mode": 2, "delivery_info": {"exchange": "", "routing_key": "%s"}, "priority": 0, '
    '"body_encoding": "base64", "message_id": "'
)


#: The ends of the envelopes of one batch.
_ENDS = [b'%d"}}' % place for place in range(4096)]


class Sealer:
    """Writes JSON documents as kombu messages for one Redis queue.

    A delivery tag must be unique, because kombu's consumers keep unacknowledged messages by it; one random stem
    serves a whole batch.
    """

    def __init__(self, queue: str) -> None:
        self._tail = (_TAIL % queue).encode()

    def seal(self, payloads: Sequence[bytes], message_ids: Sequence[bytes]) -> list[bytes]:
        """One envelope for each payload, with the AMQP property `message_id`, which is ASCII without quotes."""
        head, tail, join, encode = _ENCODED_BODY, self._tail, b"".join, pybase64.b64encode
        tag, size = b'", "delivery_tag": "%b-' % uuid.uuid4().hex.encode(), len(payloads)
        ends = _ENDS[:size] if size <= len(_ENDS) else [b'%d"}}' % place for place in range(size)]
        return [
            join((head, encode(payload), tail, message_id, tag, end))
            for payload, message_id, end in zip(payloads, message_ids, ends, strict=True)
        ]


_NO_EMBED = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


def work_envelope(task: str, queue: str, claim: str = "@CLAIM@", count: str = "@COUNT@") -> bytes:
    """The task `task(claim, count)` as a kombu message; the Redis scripts fill in claim and count."""
    body = f'[["{claim}", {count}], {{}}, {encode_json(_NO_EMBED).decode()}]'
    task_id = f"{claim}-{uuid.uuid4().hex[:8]}"
    headers = task_headers(task, task_id, f"({claim!r}, {count})")
    return _task_envelope(body, "utf-8", headers, {"correlation_id": task_id, "delivery_tag": task_id}, queue)


def sealed_for_celery(task: ForCelery, queue: str) -> bytes:
    """A task that goes on to Celery's own consumer, as a kombu message for the Redis list `queue`."""
    body = pybase64.b64encode(task.body).decode()
    properties = task.properties | {"delivery_tag": uuid.uuid4().hex}
    return _task_envelope(body, "base64", task.headers, properties, queue)


def _task_envelope(
    body: str, body_encoding: str, headers: dict[str, object], properties: dict[str, object], queue: str
) -> bytes:
    return encode_json(
        {
            "body": body,
            "content-encoding": "utf-8",
            "content-type": CONTENT_TYPE,
            "headers": headers,
            "properties": properties
            | {
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": queue},
                "priority": 0,
                "body_encoding": body_encoding,
            },
        }
    )
