"""`smart-assign check`: whether everything is fit, in one line each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict

import click
from sqlalchemy.exc import SQLAlchemyError

from core.errors import SmartAssignError
from worker.application import build_app
from worker.cli.output import command, fail, json_option, print_json, say
from worker.cli.session import make_ready, open_session
from worker.configuration import configured
from worker.embedded.urls import ResolvedUrls
from worker.supervision.fitness import Check, Fitness, workers_check


@click.command("check")
@click.option("--workers", is_flag=True, help="Also whether any worker answers.")
@json_option
@command
def check(workers: bool, as_json: bool) -> None:
    """Say whether broker, Redis, database, queues and rules are fit; exit code 1 where one is not.

    In embedded mode the Redis server is started for the time of the check.
    """
    found: list[Check] = []
    for each in _checks(workers):
        found.append(each)
        if not as_json:
            say(f"{'ok   ' if each.ok else 'UNFIT'}  {each.name:<9} {each.detail}")
    unfit = [each.name for each in found if not each.ok]
    if as_json:
        print_json({"ok": not unfit, "checks": [asdict(each) for each in found]})
    if unfit:
        fail(f"not fit: {', '.join(unfit)}")


def _checks(workers: bool) -> Iterator[Check]:
    with open_session(ready=False) as session:
        if session.settings.database_url is None:
            # What is wrong with it, the check of the database tells.
            with suppress(SmartAssignError, SQLAlchemyError):
                make_ready(session.store, embedded=True)
        found = list(Fitness(session.settings, _urls, session.store).checks())
    yield from found
    if workers:
        broker = found[0]
        yield (
            workers_check(build_app()) if broker.ok else Check("workers", ok=False, detail="the broker does not answer")
        )


def _urls() -> ResolvedUrls:
    return configured().urls
