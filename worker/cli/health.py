"""`smart-assign health`: what a container's health check asks of the role beside it, without any other program."""

from __future__ import annotations

import http.client
import json

import click

from worker.cli.output import command, fail, json_option, print_json, say
from worker.cli.roles.ports import reachable
from worker.settings import Settings

#: Seconds that a role may take to answer.
PATIENCE_S = 4.0


@click.command("health")
@click.option("--ready", is_flag=True, help="Whether it can work, its services included, not only whether it does.")
@click.option("--host", help="Where the role serves its health; METRICS_HOST unless given.")
@click.option("--port", type=click.IntRange(1, 65_535), help="And on which port; METRICS_PORT unless given.")
@json_option
@command
def health(ready: bool, host: str | None, port: int | None, as_json: bool) -> None:
    """Say whether the worker or scheduler on this machine does its work; exit code 1 where it does not.

    It asks /healthz, or with --ready /readyz, of the role that has the same settings.
    """
    settings = Settings()
    at, through = reachable(host or settings.metrics_host), port or settings.metrics_port
    if not through:
        fail("METRICS_PORT is 0, so that no role here serves its health")
    status, answer = _asked(at, through, "/readyz" if ready else "/healthz")
    if as_json:
        print_json(answer)
    if status != http.HTTPStatus.OK:
        fail("; ".join(answer.get("reasons", ())) or f"{at}:{through} answered with status {status}")
    if not as_json:
        say("ready" if ready else "healthy")


def _asked(host: str, port: int, path: str) -> tuple[int, dict[str, list[str]]]:
    """Status and document of the answer; ends the command where there is none."""
    try:
        connection = http.client.HTTPConnection(host, port, timeout=PATIENCE_S)
    except http.client.InvalidURL:
        fail(f"{host!r} is no name of a host")
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, dict(json.loads(answer.read()))
    except (OSError, http.client.HTTPException) as error:
        fail(f"nobody says at {host}:{port} how it is: {error}")
    except ValueError:
        fail(f"what answers at {host}:{port} is no role of Smart Assign")
    finally:
        connection.close()
