"""Whether the services let a role in: what is away is waited for, so that programs may start in any order."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.errors import NotFoundError, StoreUnavailableError
from core.process.log_events import LogEvent
from core.storage.schema import current_version, is_behind
from core.store import Store
from worker.configuration import Configured
from worker.handoff.errors import UnfitError
from worker.redis_broker.health import redis_refusal
from worker.wiring import broker_health

log = structlog.get_logger(__name__)

WAIT_S = 5.0


def shortcoming(store: Store) -> str | None:
    """What a configured database lacks, as a clause for people, or None."""
    try:
        with store.single() as connection:
            version = current_version(connection)
        if is_behind(version):
            return "is empty" if version is None else f"has the older schema {version}"
        store.active_rules()
    except NotFoundError:
        return "holds no country rules"
    except (StoreUnavailableError, SQLAlchemyError) as error:
        return f"cannot be used ({str(getattr(error, 'orig', None) or error).strip()})"
    return None


def wait_for_database(store: Store, sleep: Callable[[float], None] = time.sleep) -> None:
    """Returns once the database has this program's schema, or a newer one, and rules; tells every 5 s what it lacks."""
    while (words := shortcoming(store)) is not None:
        log.warning(
            LogEvent.WAITING_FOR_DATABASE, reason=f"the database {words}", remedy="run: smart-assign db upgrade"
        )
        sleep(WAIT_S)


def refuse_what_refuses(found: Configured) -> None:
    """Raises UnfitError where broker or Redis answers and does not let this program in: waiting does not mend that."""
    settings, urls = found
    words = broker_health(settings, lambda: urls).refusal() or redis_refusal(urls.redis_url)
    if words is not None:
        raise UnfitError(words)
