"""The Celery application. Nothing connects, and nothing is read from the environment, before it is configured."""

from __future__ import annotations

from typing import Any

from celery import Celery, Task, signals
from celery.worker.request import Request
from kombu import Queue

from core.errors import RedisUnavailableError, StoreUnavailableError
from core.phone import load_prefixes
from core.process.garbage import freeze, keep_buffers
from core.process.lasting import Attempts
from core.process.sentinel import is_sentinel, kombu_form
from core.process.silence import Silence
from core.storage.database import load_driver
from worker.celery_setup import rabbitmq_transport, redis_transport
from worker.celery_setup.drain import Drain
from worker.celery_setup.housekeeping import Housekeeping
from worker.celery_setup.operation import Serving
from worker.celery_setup.quorum_queue import QuorumQueue
from worker.celery_setup.routing import Routing
from worker.celery_setup.schedule import BEAT_SCHEDULE
from worker.celery_setup.scheduler import is_worked_on
from worker.celery_setup.standing import STANDING
from worker.celery_setup.task_events import TaskEvents
from worker.configuration import configured
from worker.envelopes.handover import HIDDEN
from worker.envelopes.task_messages import CAMPAIGN_TASK, MESSAGE_TASK, WORK_TASK
from worker.handoff.errors import PUBLISH_ERRORS
from worker.handoff.large_work import LARGE_WORK
from worker.intake.feedback import FeedbackIntake
from worker.intake.rabbitmq import RabbitIntake
from worker.intake.redis import RedisIntake
from worker.logs import set_up_logs
from worker.settings import Settings
from worker.wiring import release_runtime, runtime

#: Tasks are short, and held for 20 s at most before their time; one that is not acknowledged by then is taken to be lost, so
#: that another worker has it within a minute of a kill. Claims do not depend on it.
VISIBILITY_TIMEOUT_S = 45
#: How often it is seen whether a task can be given back; kombu takes a lock in Redis for it.
RESTORE_EVERY_S = 3
#: The consumer of a worker, by name: only a worker loads it.
CONSUMER = "worker.celery_setup.consumer:Consumer"
#: Commands of remote control that are ours; the import of each is what makes it known.
OUR_COMMANDS = (STANDING,)
#: Flower asks from up to 32 threads, each with two connections at once: with fewer they wait for each other for ever.
BROKER_POOL_LIMIT = 80


class HiddenArguments(Request):  # type: ignore[misc]  # celery is untyped
    """A request whose arguments hold a message: neither Flower nor a log shows them."""

    @property
    def argsrepr(self) -> str:
        """What is shown in the place of the arguments."""
        return HIDDEN

    @property
    def kwargsrepr(self) -> str:
        """What is shown in the place of the keyword arguments."""
        return HIDDEN

    def info(self, safe: bool = False) -> dict[str, Any]:
        """What `inspect` tells of the request."""
        told: dict[str, Any] = super().info(safe=safe)
        return told | {"args": HIDDEN, "kwargs": HIDDEN}

    def reject(self, requeue: bool = False) -> None:  # noqa: ARG002
        """Always give back: Celery throws a task away whose retry could not be enqueued, and its message with it."""
        super().reject(requeue=True)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.humaninfo()}>"


class AssignTask(Task):  # type: ignore[misc]  # celery is untyped
    """Base of every task: acknowledged when its work is handed off, given back when its process dies."""

    acks_late = True
    acks_on_timeout = False
    reject_on_worker_lost = True
    abstract = True


#: What waiting alone mends.
WAITS = (StoreUnavailableError, RedisUnavailableError, *PUBLISH_ERRORS)
#: The work of the pool, seen from the parent process: what it waits for is said once, not at every attempt.
POOL_WORK = Attempts("pool", WAITS)


class GivenBackOrHeld(Request):  # type: ignore[misc]  # celery is untyped
    """A request of our own work: what only waits is held by whoever gave it, all else that fails is given back.

    What waits for SQL, for Redis, or to be published, has done nothing wrong; a message that is given back counts as delivered once
    more, and RabbitMQ 4 drops one that was delivered 20 times.
    """

    waits = False

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> Any:
        """Note whether the failure is one that waiting alone mends."""
        error = getattr(exc_info.exception, "exc", exc_info.exception)
        self.waits = isinstance(error, WAITS)
        if self.waits:
            POOL_WORK.failed(error)
        return super().on_failure(exc_info, send_failed_event=send_failed_event, return_ok=return_ok)

    def on_success(self, failed__retval__runtime: tuple[Any, Any, float], **options: Any) -> Any:
        """Note that work gets done."""
        if not failed__retval__runtime[0]:
            POOL_WORK.succeeded()
        return super().on_success(failed__retval__runtime, **options)

    def reject(self, requeue: bool = False) -> None:
        """Give back, or say that the work waits: `requeue` is then None."""
        super().reject(requeue=None if self.waits else requeue)


class WorkTask(AssignTask):
    """Base of the task that works on a claim; one that fails is given back, not acknowledged."""

    Request = GivenBackOrHeld
    throws = WAITS  # Celery logs no trace of what is expected
    acks_on_failure_or_timeout = False
    abstract = True


class ScheduledTask(AssignTask):
    """Base of the tasks that the scheduler enqueues: of several messages for one due time, one is worked on."""

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Work, unless another message of the same due time was or is worked on."""
        parts = runtime()
        if not is_worked_on(self.request.id, parts.cache_redis, parts.settings):
            return {"repeats": 1}
        return self.run(*args, **kwargs)


class MessageTask(AssignTask):
    """Base of the tasks whose arguments hold a message."""

    Request = HiddenArguments
    abstract = True


def celery_settings() -> dict[str, Any]:
    """The application's configuration, out of our settings."""
    settings, urls = configured()
    on_broker = _on_redis if settings.broker_is_redis else _on_rabbitmq
    return on_broker(settings, urls.broker_url) | {
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_pool_limit": BROKER_POOL_LIMIT,
        "result_backend": settings.result_backend,
        "task_ignore_result": settings.result_backend is None,
        "result_expires": 3600,
        "accept_content": ["json"],
        "task_serializer": "json",
        "result_serializer": "json",
        "task_default_queue": settings.work_queue,
        "task_routes": {
            MESSAGE_TASK: {"queue": settings.messages_queue},
            CAMPAIGN_TASK: {"queue": settings.campaigns_queue},
            WORK_TASK: {"queue": settings.work_queue},
        },
        "beat_schedule": BEAT_SCHEDULE,
        "beat_scheduler": "worker.celery_setup.scheduler:Scheduler",
        "task_track_started": True,
        "worker_concurrency": settings.concurrency,
        "worker_consumer": CONSUMER,
        # Claims wait for room of their own (worker/intake/room.py); tasks that Celery runs should not wait for the next one to come.
        "worker_prefetch_multiplier": 4,
        "worker_send_task_events": True,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_enable_remote_control": True,
    }


def _on_redis(settings: Settings, url: str) -> dict[str, Any]:
    url, behind = kombu_form(url) if is_sentinel(url) else (url, {})
    names, silence = (settings.work_queue, settings.campaign_work_queue), Silence(settings.silence_s)
    return {
        "broker_url": url,
        "broker_transport_options": {
            "visibility_timeout": VISIBILITY_TIMEOUT_S,
            "socket_timeout": silence.redis_s,
            "socket_connect_timeout": silence.redis_s,
            "socket_keepalive": True,
            "socket_keepalive_options": silence.keep_alive(),
            # kombu drops a connection that is silent for one to two of these intervals.
            "health_check_interval": silence.redis_s,
            "unacked_restore_throttle": 1,
            "unacked_restore_interval": RESTORE_EVERY_S,
            # Single messages first: a free child takes a campaign's chunk only where no single message waits.
            "queue_order_strategy": "priority",
            "foreign_queue": settings.messages_queue,
            "key_prefix": settings.key_prefix,
            "back_after_s": 1.5 * settings.silence_s,
            "callbacks_to": sorted(settings.callback_queues),
            "our_queues": sorted(settings.queue_names),
            **settings.broker_transport_options,
            **behind,
        },
        "task_queues": [Queue(name, routing_key=name) for name in names],
    }


def _on_rabbitmq(settings: Settings, url: str) -> dict[str, Any]:
    name = settings.work_queue
    return {
        "broker_url": url,
        "broker_transport_options": {
            "confirm_publish": True,
            "silence_s": settings.silence_s,
            **settings.broker_transport_options,
        },
        "broker_heartbeat": Silence(settings.silence_s).heartbeat_s,
        "task_queues": [QuorumQueue(name, routing_key=name)],
    }


def bare_app() -> Celery:
    """The application with its steps and without tasks; configured when it is first used."""
    redis_transport.register()
    rabbitmq_transport.register()
    app = Celery("smart-assign", amqp=Routing)
    app.add_defaults(celery_settings)
    app.steps["worker"].add(Housekeeping)
    app.steps["worker"].add(Serving)
    app.steps["worker"].add(FeedbackIntake)
    app.steps["consumer"].add(TaskEvents)
    app.steps["worker"].add(Drain)
    app.steps["consumer"].add(RedisIntake)
    app.steps["consumer"].add(RabbitIntake)
    return app


@signals.setup_logging.connect  # type: ignore[untyped-decorator]
def _set_up_logs(**_: object) -> None:
    set_up_logs(configured().settings)


@signals.worker_init.connect  # type: ignore[untyped-decorator]
def _freeze(**_: object) -> None:
    """Before the pool forks: what is loaded then, all of its processes share."""
    load_prefixes()
    load_driver(configured().urls.database_url)
    LARGE_WORK.prepare()
    keep_buffers()
    freeze()


@signals.worker_process_shutdown.connect  # type: ignore[untyped-decorator]
@signals.worker_shutdown.connect  # type: ignore[untyped-decorator]
def _release(**_: object) -> None:
    release_runtime()
