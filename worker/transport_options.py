"""kombu's transport options that a deployment may set, and why the others are refused.

Producers and workers must agree on how tasks of different priority are spread over Redis lists. An option that would be
taken without effect, or would take messages out of sight, is refused by name.
Source of the names: kombu 5's `Channel.from_transport_options` (Redis) and py-amqp 5's `Connection` (RabbitMQ).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

#: The steps that Celery's documentation advises; kombu's own (0, 3, 6, 9) are among them.
PRIORITY_STEPS = tuple(range(10))
#: kombu's separator of a queue's name and a priority.
PRIORITY_SEPARATOR = "\x06\x16"

_OWN = "Smart Assign sets it itself"
#: Options that kombu knows and that are not for a deployment to choose, with what to do instead.
REFUSED: Mapping[str, str] = {
    "global_keyprefix": "name the list as it stands in Redis, prefix included, in MESSAGES_QUEUE and CAMPAIGNS_QUEUE instead",
    "queue_order_strategy": "single messages always come before a campaign's",
    "confirm_publish": "it is always on: what is not confirmed is not handed off",
    "ack_emulation": _OWN,
    "unacked_restore_limit": _OWN,
    "queues": "every queue of ours is a quorum queue",
    "predefined_queues": "it belongs to Amazon SQS",
}

_Seconds = Annotated[float, Field(gt=0)]


class _Options(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class RedisOptions(_Options):
    """What may be set where the broker is Redis. Times are in seconds."""

    priority_steps: list[Annotated[int, Field(ge=0, le=255)]] = Field(
        list(PRIORITY_STEPS), min_length=1, max_length=256
    )
    sep: str = Field(PRIORITY_SEPARATOR, min_length=1, max_length=16)
    visibility_timeout: Annotated[int, Field(ge=30)] | None = None
    socket_timeout: _Seconds | None = None
    socket_connect_timeout: _Seconds | None = None
    socket_keepalive: bool | None = None
    health_check_interval: _Seconds | None = None
    retry_on_timeout: bool | None = None
    max_connections: Annotated[int, Field(ge=1)] | None = None
    client_name: str | None = None
    fanout_prefix: bool | str | None = None
    fanout_patterns: bool | None = None
    unacked_key: str | None = None
    unacked_index_key: str | None = None
    unacked_mutex_key: str | None = None
    master_name: str | None = None
    min_other_sentinels: Annotated[int, Field(ge=0)] | None = None
    sentinel_kwargs: dict[str, Any] | None = None

    def lists_of(self, queue: str) -> list[str]:
        """The Redis lists of a queue of tasks, the one that is taken from first at the beginning."""
        return [queue, *(f"{queue}{self.sep}{step}" for step in sorted(set(self.priority_steps)) if step > 0)]


class RabbitOptions(_Options):
    """What may be set where the broker is RabbitMQ. Times are in seconds."""

    read_timeout: _Seconds | None = None
    write_timeout: _Seconds | None = None
    connect_timeout: _Seconds | None = None
    heartbeat: _Seconds | None = None
    frame_max: Annotated[int, Field(ge=4096)] | None = None
    channel_max: Annotated[int, Field(ge=8)] | None = None
    client_properties: dict[str, Any] | None = None
    login_method: str | None = None
    max_retries: Annotated[int, Field(ge=0)] | None = None
    interval_start: Annotated[float, Field(ge=0)] | None = None
    interval_step: Annotated[float, Field(ge=0)] | None = None
    interval_max: Annotated[float, Field(ge=0)] | None = None


def options_of(given: Mapping[str, Any], *, redis: bool) -> RedisOptions | RabbitOptions:
    """The options, read. Raises ValueError, which names each that is refused and says why."""
    model = RedisOptions if redis else RabbitOptions
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        raise ValueError("; ".join(_words(each, model) for each in error.errors(include_url=False))) from None


def _words(error: Any, model: type[_Options]) -> str:
    name = str(error["loc"][0])
    if error["type"] != "extra_forbidden":
        return f"{'.'.join(map(str, error['loc']))}: {error['msg']}"
    if name in REFUSED:
        return f"{name} cannot be set: {REFUSED[name]}"
    broker = "Redis" if model is RedisOptions else "RabbitMQ"
    return f"{name} is not known on {broker}: {', '.join(model.model_fields)}"
