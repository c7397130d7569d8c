"""`smart-assign api`: the HTTP API as a role in the foreground."""

from __future__ import annotations

import os

import click
import uvicorn

from worker.cli.output import command, fail, json_option
from worker.cli.roles.celery_programs import begin, ready_database
from worker.cli.roles.ports import listen_error
from worker.configuration import configured
from worker.settings import ENV_PREFIX

#: The API is named, not imported: it stands beside the worker, and reads its settings from the environment.
APPLICATION = "api.main:create_app"
PROTOCOL = "api.patience:PatientProtocol"

#: Seconds that answers in hand may take after SIGTERM.
GRACE_S = 20
#: Seconds that one of several processes may take to start, or be silent, before it is replaced.
START_S = 60


@click.command()
@click.option("--host", help="Address to listen on; API_HOST unless given.")
@click.option("--port", type=click.IntRange(1, 65_535), help="Port; API_PORT unless given.")
@json_option
@command
def api(host: str | None, port: int | None, as_json: bool) -> None:
    """Answer HTTP: ClickSend's Smart Assign endpoints under /v3, ours under /v1, the documentation at /docs.

    In embedded mode the database is migrated first; a configured one is waited for until `smart-assign db upgrade`
    has been run.
    """
    settings = begin("api", as_json)
    ready_database(settings)
    address = host or settings.api_host, port or settings.api_port
    if error := listen_error(*address):  # a sentence instead of uvicorn's log record
        fail(f"the API cannot listen on {address[0]}:{address[1]}: {error.strerror}")
    _hand_on_addresses()
    uvicorn.run(
        APPLICATION,
        factory=True,
        host=address[0],
        port=address[1],
        http=PROTOCOL,
        workers=settings.api_processes,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        timeout_worker_healthcheck=START_S,
    )


def _hand_on_addresses() -> None:
    """Tell the API where the services are, those of embedded mode too."""
    _, urls = configured()
    places = {"BROKER_URL": urls.broker_url, "REDIS_URL": urls.redis_url, "DATABASE_URL": urls.database_url}
    os.environ.update({f"{ENV_PREFIX}{name}": place for name, place in places.items()})
