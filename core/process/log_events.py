"""The catalogue of what this program logs: every event by its name, and what it means to who operates it.

A log line is one of these names and fields beside it. docs/log-events.md is written from here.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class LogEvent(StrEnum):
    """A member is the name that stands in the log, as `event`; `meaning` is a sentence for operators."""

    meaning: str

    def __new__(cls, name: str, meaning: str) -> Self:
        """A text that has its meaning with it."""
        event = str.__new__(cls, name)
        event._value_ = name
        event.meaning = meaning
        return event

    # ---- work that is done over and over, in threads and at their edges ----

    WORK_WAITS = (
        "work_waits",
        "A service that a thread, or the scheduler, needs is away or refuses; it tries again. Once for each kind of failure.",
    )
    WORK_FAILED = (
        "work_failed",
        "A thread's work failed in a way that nobody foresaw; the trace says where. It tries again.",
    )
    WORK_GOES_ON = "work_goes_on", "A thread that waited or failed does its work again, after `after_s` seconds."

    NEWER_ROW_LEFT_OUT = (
        "newer_row_left_out",
        "A newer version wrote of a sender, registration or strategy a `value` unknown here: decisions go without. Once each.",
    )

    # ---- what comes in ----

    FOREIGN_ELEMENT = (
        "foreign_element",
        "An element of a Celery queue on Redis is no task message; it was parked, or where `kept` is false dropped.",
    )
    INTAKE_PAUSES = (
        "intake_pauses",
        "What RabbitMQ delivers is larger than may be in hand at once: the worker takes no more until half of it has ended.",
    )
    MESSAGE_NOT_TAKEN = (
        "message_not_taken",
        "Celery could not take a task message that was read well; it was set aside.",
    )
    TASK_NOT_TAKEN = "task_not_taken", "Celery could not take a task out of a delivery; it is parked."
    TASK_FAILED = "task_failed", "A task ended with an exception that nobody foresaw; its work is taken up again later."
    DELIVERY_NOT_READ = (
        "delivery_not_read",
        "A delivery of RabbitMQ could not be opened, for a reason nobody foresaw; it is parked.",
    )
    MONITORED_NOT_TOLD = (
        "monitored_not_told",
        "Messages went to a country that their account monitors, and the events queue could not be reached to tell of it.",
    )
    REDELIVERIES_NOT_COUNTED = (
        "redeliveries_not_counted",
        "Redis is away, so that what RabbitMQ delivers again and again is not given up meanwhile.",
    )
    EARLIER_WORK_NOT_KNOWN = (
        "earlier_work_not_known",
        "Redis is away: what was parked just before a crash may be parked under a second id.",
    )
    BROADCAST_REFUSED = (
        "broadcast_refused",
        "A command or an answer on Celery's control channel is none that is obeyed; it was dropped.",
    )
    BROADCAST_FAILED = "broadcast_failed", "Celery failed at a command or event on its control channel; it was dropped."
    INTAKE_CANCELLED_BY_THE_BROKER = (
        "intake_cancelled_by_the_broker",
        "The connection went away while a worker stopped taking deliveries; the broker delivers them again.",
    )

    FEEDBACK_OF_STRANGERS = (
        "feedback_of_strangers",
        "Receipts name senders that the account named with them does not hold; they change nothing. Said once a minute.",
    )

    # ---- claims and acknowledgements ----

    CLAIM_SPLIT = (
        "claim_split",
        "A claim was begun too often without an end; each of its documents is now a claim of its own.",
    )
    CLAIMS_WAIT_FOR_THEIR_DEADLINE = (
        "claims_wait_for_their_deadline",
        "Redis is away, so that claims which this worker will not start are taken up by others only at their deadline.",
    )
    ACKNOWLEDGEMENT_LOST = (
        "acknowledgement_lost",
        "The connection ended before RabbitMQ heard that work was done; it delivers it again.",
    )
    GIVING_BACK_LOST = (
        "giving_back_lost",
        "The connection ended before a delivery was given back; RabbitMQ delivers it again by itself.",
    )
    DRAIN_CUT_SHORT = (
        "drain_cut_short",
        "The connection ended while a worker that stops finished its work; the rest is delivered again.",
    )

    # ---- what goes out ----

    PUBLISHING_WAITS = "publishing_waits", "A RabbitMQ queue takes no more; what is on its way to it waits."
    PUBLISHING_BLOCKED_BY_THE_BROKER = (
        "publishing_blocked_by_the_broker",
        "RabbitMQ takes nothing from anybody, by an alarm of its memory or disk; see its log.",
    )
    PUBLISHING_GOES_ON = "publishing_goes_on", "RabbitMQ takes again what is published."
    REPEATS_PASS_WHILE_REDIS_IS_AWAY = (
        "repeats_pass_while_redis_is_away",
        "Marks cannot be read or written: messages go out, and a repeat of one would go out again.",
    )
    REPEATS_PASS_AFTER_A_LONG_WAIT = (
        "repeats_pass_after_a_long_wait",
        "Another worker held the marks of a repeat for too long; the messages go out, perhaps again.",
    )
    EVENT_WAITS = "event_waits", "The broker is away: an event stays in its outbox, and is sent by housekeeping."
    EVENTS_LOST = (
        "events_lost",
        "Celery's task events of the last moment could not be sent, while a worker stopped; Flower lacks them.",
    )

    CALLBACK_HAS_NO_QUEUE = (
        "callback_has_no_queue",
        "A queue of ALLOW_CALLBACKS_TO does not exist on RabbitMQ: what a producer's task asked to be sent on there is lost.",
    )

    # ---- what one account may have kept ----

    DECISIONS_NOT_KEPT = (
        "decisions_not_kept",
        "An account's messages name ever other senders: beyond DECISIONS_A_DAY its decisions are made, and not kept.",
    )
    CAMPAIGNS_NOT_COUNTED = (
        "campaigns_not_counted",
        "An account, or all that do not exist together, began more than CAMPAIGNS_A_DAY campaigns: they are sent, not counted.",
    )
    PARKED_BEYOND_THE_BOUND = (
        "parked_beyond_the_bound",
        "An account, or all that do not exist together, had more than PARKED_MOST parked documents: the oldest went.",
    )

    # ---- what is parked ----

    PARKED_DOCUMENTS_WAIT_FOR_SQL = (
        "parked_documents_wait_for_sql",
        "SQL is away: parked documents stay in the outbox, and are safe there.",
    )
    PARKED_TOO_LONG_DROPPED = "parked_too_long_dropped", "Documents parked for more than PARKED_DROP_DAYS were dropped."
    RECORD_LEFT_TO_A_NEWER_VERSION = (
        "record_left_to_a_newer_version",
        "A parked record was written by a newer version of this program; it waits for a worker of that version.",
    )
    EVENT_LEFT_TO_A_NEWER_VERSION = (
        "event_left_to_a_newer_version",
        "An event in the outbox was written by a newer version of this program; it waits for a worker of that version.",
    )

    # ---- metrics and health ----

    METRICS_SERVED = "metrics_served", "Metrics and health of this process can be asked for there."
    METRICS_PORT_TAKEN = (
        "metrics_port_taken",
        "METRICS_PORT is in use, perhaps by a second worker of this machine; this one goes on without metrics and health.",
    )
    METRICS_NOT_SERVED = (
        "metrics_not_served",
        "A figure or a health check could not be told; the trace says why.",
    )

    # ---- the scheduler ----

    SCHEDULER_LEADS = "scheduler_leads", "This scheduler enqueues the periodic tasks."
    SCHEDULER_STANDS_BY = "scheduler_stands_by", "Another scheduler enqueues the periodic tasks; this one is ready to."
    LEASE_ENDS_BY_ITSELF = (
        "lease_ends_by_itself",
        "A scheduler could not give up its lease; another one leads when it has run out.",
    )
    TASK_IS_DUE = "task_is_due", "A periodic task is being enqueued."
    PERIODIC_TASK_UNMARKED = (
        "periodic_task_unmarked",
        "Redis is away, so that a periodic task is worked on without asking whether it has been; it does no harm twice.",
    )

    # ---- the API ----

    API_STORE_AWAY = "api_store_away", "The database could not be reached for a request; it was answered with 503."
    API_REDIS_AWAY = "api_redis_away", "Redis could not be reached for a request; it was answered with 503."
    API_BROKER_AWAY = "api_broker_away", "The broker did not take messages of a request; it was answered with 503."
    API_NOT_READY = "api_not_ready", "A check of `/readyz` failed; it names which."
    API_METRIC_LEFT_OUT = (
        "api_metric_left_out",
        "A metric could not be computed, and is missing from `/metrics` until it can.",
    )
    API_WRONG_KEYS = (
        "api_wrong_keys",
        "Too many wrong API keys from one address, or for one account; they are refused for a while.",
    )

    # ---- embedded mode and start-up ----

    EMBEDDED_REDIS_IS_A_STAND_IN = (
        "embedded_redis_is_a_stand_in",
        "No Redis server is installed; a slow stand-in keeps nothing.",
    )
    EMBEDDED_REDIS_REVIVED = (
        "embedded_redis_revived",
        "The embedded Redis had died and was started again; what was queued is there.",
    )
    EMBEDDED_REDIS_STILL_RUNNING = (
        "embedded_redis_still_running",
        "The embedded Redis did not end in time, and was left alone.",
    )
    EMBEDDED_REDIS_REFUSED_TO_END = (
        "embedded_redis_refused_to_end",
        "The embedded Redis would not shut down; its log says why.",
    )
    WAITING_FOR_DATABASE = (
        "waiting_for_database",
        "A role waits until the database is there and migrated: run `smart-assign db upgrade`.",
    )

    # ---- migrations ----

    SENDER_IS_NO_NUMBER = (
        "sender_is_no_number",
        "A sender of a number type holds no number; it was left as it is. Correct it.",
    )
    SENDERS_JOINED = (
        "senders_joined",
        "Several spellings of one number were senders of one account; they are one sender now.",
    )
