"""`smart-assign up`: every role in one terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import click
import structlog

from core.errors import RefusedError
from core.process.log_choices import LogLevel
from core.process.log_events import LogEvent
from worker.addresses import masked
from worker.cli.output import command, json_option, print_json, say
from worker.cli.roles.celery_programs import ready_database
from worker.cli.roles.ports import any_port, is_free, reachable
from worker.configuration import configured
from worker.embedded.urls import EmbeddedRedisError, ResolvedUrls, revive
from worker.logs import set_up_logs
from worker.settings import ENV_PREFIX, Settings
from worker.supervision.role import Role, port_answers
from worker.supervision.supervisor import Supervisor

log = structlog.get_logger(__name__)

#: The highest port there is.
MOST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Part:
    """One role of `up`: its words on the command line, and what of the settings says where it listens, if it does."""

    name: str
    words: tuple[str, ...]
    host_setting: str | None = None
    port_setting: str | None = None
    ready_text: str | None = None


#: In the order in which they start; they end in the reverse order.
PARTS: tuple[Part, ...] = (
    Part("worker", ("worker", "--quiet", "--", "--without-mingle", "--without-gossip"), ready_text=" ready."),
    Part("scheduler", ("scheduler", "--quiet"), ready_text="beat: Starting"),
    Part("api", ("api",), "api_host", "api_port"),
    Part("flower", ("flower",), "flower_host", "flower_port"),
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a part listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"http://{self.host}:{self.port}"


@click.command()
@json_option
@command
def up(as_json: bool) -> None:
    """Run worker, scheduler, HTTP API and Flower in this terminal until Ctrl-C.

    On the services that are configured, else embedded: with a Redis and a database of its own under DATA_DIR.
    A port that is taken is replaced by a free one, unless the settings name it.
    """
    settings, urls = configured()
    set_up_logs(settings)
    addresses = {part.name: address for part in PARTS if (address := free_address(settings, part))}
    ready_database(settings)
    places = {"broker": masked(urls.broker_url), "database": masked(urls.database_url)}
    if not as_json:
        say(f"Broker {places['broker']}, database {places['database']}")
    heard = _Heard([part.name for part in PARTS], addresses, places, as_json)
    roles = [as_role(settings, part, addresses.get(part.name)) for part in PARTS]
    output = sys.stderr if as_json else sys.stdout
    raise SystemExit(Supervisor(roles, output, on_ready=heard, watch=partial(_revive, settings, urls)).run())


def _revive(settings: Settings, urls: ResolvedUrls) -> None:
    """Start the embedded Redis again where it has died under the roles, which find it at the address of before."""
    if urls.embedded is None or (back := revive(settings.data_dir)) is None:
        return
    if back.redis_url != urls.embedded.redis_url:
        raise EmbeddedRedisError("the embedded Redis died, and came back at another address: start `up` again")
    log.warning(LogEvent.EMBEDDED_REDIS_REVIVED, data_dir=str(settings.data_dir))


class _Heard:
    """Counts the roles that are ready, and tells the addresses when all are."""

    def __init__(
        self, names: Sequence[str], addresses: dict[str, Address], places: dict[str, str], as_json: bool
    ) -> None:
        self._waiting, self._names = set(names), names
        self._addresses, self._places, self._as_json = addresses, places, as_json

    def __call__(self, name: str) -> None:
        self._waiting.discard(name)
        if self._waiting:
            return
        urls = {name: str(self._addresses[name]) if name in self._addresses else None for name in self._names}
        if self._as_json:
            print_json({"ready": True, "roles": urls} | self._places)
            return
        lines = [f"  {name:<10} {url or 'running'}" for name, url in urls.items()]
        click.secho("\n".join(["", "Ready. Ctrl-C ends all.", *lines, ""]), bold=True)


def as_role(settings: Settings, part: Part, address: Address | None) -> Role:
    """How the supervisor runs the part; its output is its log, without a banner."""
    line = (sys.executable, "-P", "-m", "worker.cli", *part.words)
    is_ready: Callable[[], bool] | None = None
    environment = {f"{ENV_PREFIX}METRICS_PORT": str(metrics_port(settings, part))}
    if address is not None:
        assert part.port_setting is not None
        environment[f"{ENV_PREFIX}{part.port_setting.upper()}"] = str(address.port)
        is_ready = port_answers(reachable(address.host), address.port)
    return Role(
        part.name,
        line,
        is_ready,
        part.ready_text if settings.log_level in {LogLevel.DEBUG, LogLevel.INFO} else None,
        environment,
    )


def metrics_port(settings: Settings, part: Part) -> int:
    """Where the part serves /metrics: the worker on METRICS_PORT, the scheduler on the next one; 0: nowhere."""
    port = settings.metrics_port + (part.name == "scheduler")
    return port if settings.metrics_port and port <= MOST_PORT else 0


def free_address(settings: Settings, part: Part) -> Address | None:
    """Where the part is to listen; None: it does not. Raises RefusedError where the port that is set is taken."""
    if part.host_setting is None or part.port_setting is None:
        return None
    host, port = getattr(settings, part.host_setting), getattr(settings, part.port_setting)
    if is_free(host, port):
        return Address(host, port)
    if part.port_setting in settings.model_fields_set:
        name = f"{ENV_PREFIX}{part.port_setting.upper()}"
        raise RefusedError(f"port {port} of {host} is taken: end what listens there, or set {name} to another one")
    return Address(host, any_port(host))
