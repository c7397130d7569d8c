"""What a person is told of RabbitMQ: whether it answers, and how long our queues are."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import suppress

import amqp
from kombu import Connection
from kombu.exceptions import OperationalError

from worker.addresses import masked
from worker.handoff.errors import UnfitError
from worker.queues import our_queues
from worker.rabbitmq_broker.connections import open_rabbitmq
from worker.rabbitmq_broker.queues import queue_length
from worker.settings import Settings

CONNECT_TIMEOUT_S = 5.0
_TAKEN = "taken"


class RabbitHealth:
    """Looks at RabbitMQ. Every look ends within seconds, and may raise what kombu and py-amqp raise."""

    def __init__(self, url: Callable[[], str], settings: Settings) -> None:
        self._url, self._settings = url, settings

    def describe(self) -> str:
        """Its product name, version and address."""
        url = self._url()
        with _connected(url) as connection:
            server = connection.connection.server_properties
        return f"{server.get('product', 'AMQP')} {server.get('version', '')} at {masked(url)}"

    def refusal(self) -> str | None:
        """Why it answers and does not let this user in, or has no such virtual host, as a sentence."""
        url = self._url()
        with suppress(OperationalError, amqp.AMQPError, OSError):
            try:
                _connected(url).release()
            except (amqp.AccessRefused, amqp.NotAllowed) as error:
                return f"RabbitMQ at {masked(url)} does not let this program in: {error.reply_text}"
        return None

    def queue_lengths(self) -> dict[str, int]:
        """How many messages wait on each of our queues. Raises UnfitError where one is missing."""
        with _connected(self._url()) as connection:
            lengths = {name: queue_length(connection, name) for name in our_queues(self._settings)}
        missing = [name for name, length in lengths.items() if length is None]
        if missing:
            raise UnfitError(f"not there yet, the first worker makes them: {', '.join(missing)}")
        return {name: length or 0 for name, length in lengths.items()}

    def try_writing(self) -> None:
        """Publish messages that lead to no queue, and come back. Raises UnfitError where RabbitMQ does not take them."""
        answers: list[str] = []
        alarm = "takes no messages at present: an alarm of its memory or disk (rabbitmq-diagnostics alarms)"
        with _connected(self._url(), on_blocked=lambda reason: answers.append(f"{alarm}: {reason}")) as connection:
            channel = connection.channel()
            channel.confirm_select()
            channel.events["basic_ack"].add(lambda *_: answers.append(_TAKEN))
            channel.events["basic_return"].add(lambda *_: None)  # as is meant
            try:
                # During an alarm RabbitMQ takes the first message of a connection, and reads no further.
                for count in (1, 2):
                    message = amqp.Message(b"")
                    channel.basic_publish(message, "", f"smart-assign.check.{uuid.uuid4().hex}", mandatory=True)
                    while len(answers) < count:
                        connection.drain_events(timeout=CONNECT_TIMEOUT_S)
            except amqp.AccessRefused as error:
                remedy = "its user needs permission to write to the default exchange (rabbitmqctl set_permissions)"
                raise UnfitError(f"RabbitMQ refuses messages: {error.reply_text}; {remedy}") from error
            except TimeoutError:
                answers.append(alarm)
        if refused := [words for words in answers if words != _TAKEN]:
            raise UnfitError(f"RabbitMQ {refused[0]}")

    def unread(self) -> dict[str, int]:
        """Nothing: on RabbitMQ a queue is one, whatever the priorities in it."""
        return {}


def _connected(url: str, **options: object) -> Connection:
    connection = open_rabbitmq(url, 2 * CONNECT_TIMEOUT_S, connect_s=CONNECT_TIMEOUT_S, **options)
    connection.ensure_connection(max_retries=1, timeout=CONNECT_TIMEOUT_S)
    return connection
