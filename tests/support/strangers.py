"""Messages that whoever may write to a queue could write: properties and headers that no producer of ours has."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from struct import pack
from typing import Any

import amqp
import redis

from tests.support.accounts import message
from tests.support.running_worker import Deployment
from tests.support.stock_clients import amqp_connection

ETA = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()


def task_headers(**headers: Any) -> dict[str, Any]:
    return {"task": "message.assign", "id": "stranger", "lang": "py", "argsrepr": "", "kwargsrepr": ""} | headers


def task_body(document: Any = None, **embed: Any) -> bytes:
    return json.dumps([[document or message()], {}, embed]).encode()


def element(
    headers: Any = None, body: bytes | None = None, properties: Mapping[str, Any] | None = None, **fields: Any
) -> bytes:
    """A task message as kombu writes it to a Redis list."""
    info = {"exchange": "", "routing_key": "smart-assign.messages"}
    told = {"delivery_tag": "stranger", "body_encoding": "base64", "delivery_info": info} | dict(properties or {})
    text = base64.b64encode(task_body() if body is None else body).decode()
    whole = {"body": text, "content-type": "application/json", "content-encoding": "utf-8", "properties": told}
    return json.dumps(whole | {"headers": task_headers() if headers is None else headers} | fields).encode()


@dataclass(frozen=True)
class Stranger:
    """One message: on Redis an element, on RabbitMQ a body with its properties; `field` is what its notice names."""

    queue: str
    body: bytes
    field: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    raw_properties: bytes = b""

    def send(self, deployment: Deployment) -> None:
        name = deployment.queue(self.queue)
        if deployment.on_redis:
            with redis.Redis.from_url(deployment.broker_url) as client:
                client.lpush(name, self.body)
            return
        with amqp_connection(deployment) as connection:
            channel = connection.channel()
            sent = amqp.Message(self.body, **self.properties)
            if self.raw_properties:
                sent._serialize_properties = lambda: self.raw_properties  # py-amqp writes no such thing
            channel.basic_publish(sent, "", name)


def headers_table(entries: bytes) -> bytes:
    """Properties of a message that has nothing but headers, as AMQP writes them."""
    return b"\x20\x00" + pack(">I", len(entries)) + entries


def nested_tables(levels: int) -> bytes:
    entries = b""
    for _ in range(levels):
        entries = b"\x01aF" + pack(">I", len(entries)) + entries
    return entries


def on_redis() -> dict[str, Stranger]:
    """Elements of Redis lists, by what is odd of them."""
    waiting = {"eta": ETA}
    return {
        "stamped headers that are a number, and an eta": Stranger(
            "messages", element(task_headers(stamped_headers=1, **waiting)), "headers"
        ),
        "stamped headers that are a number, and a group": Stranger(
            "messages", element(task_headers(stamped_headers=1, group="g")), "headers"
        ),
        "an eta, and empty delivery info": Stranger(
            "messages", element(task_headers(**waiting), properties={"delivery_info": {}}), "headers"
        ),
        "an eta, and no delivery info": Stranger(
            "messages", element(task_headers(**waiting), properties={"delivery_info": None}), "headers"
        ),
        "compression that is a list": Stranger("messages", element(task_headers(compression=[1])), "$"),
        "what says that Celery could not take it": Stranger(
            "messages", element(task_headers(**{"x-smart-assign-not-taken": "x"})), "headers"
        ),
        "an errand": Stranger("messages", element(body=task_body(callbacks=[{"task": "x"}])), "body.callbacks"),
        "null among claims": Stranger("work", b"null", "$"),
        "a list among claims": Stranger("work", b"[]", "$"),
        "an object among claims": Stranger("work", b"{}", "$"),
        "nesting among claims": Stranger("work", b"[" * 100_000, "$"),
        "nothing that is JSON among claims": Stranger("work", b"\xff\x00", "$"),
        "no delivery tag among claims": Stranger(
            "work", json.dumps({"body": "", "headers": {}, "properties": {}}).encode(), "$"
        ),
        "another program's task among claims": Stranger("work", element(task_headers(task="os.system")), "headers"),
        "a claim that names none": Stranger(
            "work", element(task_headers(task="messages.assign"), json.dumps([["x", 1], {}, {}]).encode()), "headers"
        ),
        "a claim with documents of its own": Stranger(
            "work",
            element(task_headers(task="messages.assign"), json.dumps([["x", 1, ["{}"]], {}, {}]).encode()),
            "headers",
        ),
    }


def on_rabbitmq() -> dict[str, Stranger]:
    """AMQP messages, by what is odd of their properties."""
    document = json.dumps(message()).encode()

    def plain(named: str, **headers: Any) -> Stranger:
        return Stranger("ingress", document, named, {"application_headers": headers})

    def task(named: str, queue: str = "messages", body: bytes | None = None, **headers: Any) -> Stranger:
        told = {"content_type": "application/json", "application_headers": task_headers(**headers)}
        return Stranger(queue, task_body() if body is None else body, named, told)

    return {
        "stamped headers that are a number, and an eta": task("headers", stamped_headers=1, eta=ETA),
        "stamped headers that are a number, and a group": task("headers", stamped_headers=1, group="g"),
        "compression that is a list": plain("headers.compression", compression=[1]),
        "compression that is a table": plain("headers.compression", compression={"a": 1}),
        "compression of a task that is a list": task("headers", compression=[1]),
        "a count of deliveries that is a text": plain("headers.x-delivery-count", **{"x-delivery-count": "x"}),
        "a count of deliveries that is a list": plain("headers.x-delivery-count", **{"x-delivery-count": [[]]}),
        "a count of deliveries below nothing": plain("headers.x-delivery-count", **{"x-delivery-count": -1}),
        "a time beyond all calendars": Stranger(
            "ingress", document, "properties", raw_properties=headers_table(b"\x02atT" + b"\x7f" * 8)
        ),
        "a message id that is no text": Stranger("ingress", document, "properties", raw_properties=b"\x00\x80\x01\xff"),
        "tables nested a thousand deep": Stranger(
            "ingress", document, "properties", raw_properties=headers_table(nested_tables(1000))
        ),
        "an errand": task("body.callbacks", body=task_body(callbacks=[{"task": "x"}])),
        "a campaign with compression that is a list": Stranger(
            "campaign_ingress", document, "headers.compression", {"application_headers": {"compression": [1]}}
        ),
        "nothing that is JSON among claims": Stranger("work", b"\xff\x00", "headers.task"),
        "another program's task among claims": task("headers.task", "work", task="os.system"),
        "a message among claims": task("headers.task", "work"),
    }
