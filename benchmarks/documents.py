"""The messages that are sent: as JSON documents, as campaign batches, and as Celery's task messages on either broker."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import amqp
from celery import Celery

from tests.support.accounts import ACCOUNT, AU, EXPECTED

BODY = ("Your parcel arrives today between 14:00 and 16:00. " * 3)[:120]
#: Makes Celery itself run a task: what only Celery gives, yet it changes nothing else.
FAR_FUTURE = "2099-01-01T00:00:00+00:00"

_RECIPIENTS = tuple(EXPECTED)


def recipient(number: int, among: Sequence[str] = _RECIPIENTS) -> str:
    """A number of one of the four countries in turn, with three digits of its own."""
    return f"{among[number % len(among)][:-3]}{number % 1000:03d}"


def message(number: int) -> dict[str, Any]:
    """A single message of account acme."""
    return {"message_id": f"m{number}", "account_id": ACCOUNT, "to": recipient(number), "body": BODY}


def message_of(account_id: str, number: int) -> dict[str, Any]:
    """A single message of any account, to Australia."""
    return message(number) | {"account_id": account_id, "to": recipient(number, (AU,))}


def batch(number: int, recipients: int, total: int | None = None) -> dict[str, Any]:
    """A campaign batch of acme without text or id of a recipient's own."""
    people = [{"to": recipient(place)} for place in range(recipients)]
    return {
        "campaign_id": "spring",
        "batch_id": f"b{number}",
        "account_id": ACCOUNT,
        "body": BODY,
        "total_batches": total,
        "recipients": people,
    }


def as_json(document: Mapping[str, Any]) -> bytes:
    """The document as upstream services write it."""
    return json.dumps(document).encode()


@dataclass(frozen=True, slots=True)
class TaskMessages:
    """Task messages as Celery's own client writes them, a thousand times as fast: headers are made once."""

    headers: dict[str, Any]
    queue: str

    @classmethod
    def like(cls, task: str, queue: str, example: Mapping[str, Any], **options: Any) -> TaskMessages:
        """Made by Celery for one example; `options` are those of `apply_async`."""
        app = Celery("upstream", broker="memory://", set_as_current=False)
        made = app.amqp.as_task_v2("@ID@", task, args=(dict(example),), ignore_result=True, **options)
        return cls(made.headers, queue)

    def on_redis(self, documents: Iterator[tuple[str, Mapping[str, Any]]]) -> Iterator[bytes]:
        """kombu's envelope of each task; documents come with their task's id."""
        template = json.dumps(self._envelope())
        for task_id, document in documents:
            body = base64.b64encode(task_body(document)).decode()
            yield template.replace("@ID@", task_id).replace("@BODY@", body).encode()

    def on_amqp(self, documents: Iterator[tuple[str, Mapping[str, Any]]]) -> Iterator[amqp.Message]:
        """The AMQP message of each task."""
        for task_id, document in documents:
            yield amqp.Message(
                task_body(document),
                content_type="application/json",
                content_encoding="utf-8",
                delivery_mode=2,
                correlation_id=task_id,
                application_headers=self.headers | {"id": task_id, "root_id": task_id},
            )

    def _envelope(self) -> dict[str, Any]:
        return {
            "body": "@BODY@",
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": self.headers | {"id": "@ID@", "root_id": "@ID@"},
            "properties": {
                "correlation_id": "@ID@",
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": self.queue},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": "tag-@ID@",
            },
        }


def task_body(document: Mapping[str, Any]) -> bytes:
    """The arguments of a task, Celery's protocol 2."""
    embed = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    return json.dumps([[document], {}, embed]).encode()


def numbered(
    make: Callable[[int], Mapping[str, Any]], numbers: Iterable[int]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The documents of these numbers, each with a task id of the usual length."""
    for number in numbers:
        yield f"{number:08d}-0000-4000-8000-000000000000", make(number)
