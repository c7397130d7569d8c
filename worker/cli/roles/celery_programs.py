"""The roles of a deployment, each a program in the foreground: what a container or a unit file runs."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
import warnings
from types import FrameType
from typing import NoReturn

import click
from celery import signals
from celery.bin.celery import celery
from celery.platforms import SecurityWarning

from worker.addresses import masked
from worker.cli.output import command, fail, json_option, print_json
from worker.cli.session import make_ready
from worker.configuration import configured
from worker.logs import set_up_logs
from worker.settings import ENV_PREFIX, Settings
from worker.store_access import store_only
from worker.supervision.readiness import refuse_what_refuses, wait_for_database
from worker.supervision.role import end_with_supervisor

#: The module in which Celery finds the application.
APPLICATION = "worker.celery"

quiet_option = click.option("--quiet", is_flag=True, help="Leave out Celery's banner.")


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("celery_options", nargs=-1, type=click.UNPROCESSED)
@quiet_option
@json_option
@command
def worker(celery_options: tuple[str, ...], quiet: bool, as_json: bool) -> None:
    """Assign messages until SIGTERM, which lets work in hand end. Options after -- go to `celery worker`.

    In embedded mode the database is migrated first; a configured one is waited for until `smart-assign db upgrade`
    has been run.
    """
    settings = begin("worker", as_json)
    refuse_what_refuses(configured())
    ready_database(settings)
    run_celery("worker", *celery_options, quiet=quiet or as_json)


@click.command()
@quiet_option
@json_option
@command
def scheduler(quiet: bool, as_json: bool) -> None:
    """Enqueue the periodic tasks until SIGTERM. Of several that run, one enqueues, and the others are ready to."""
    begin("scheduler", as_json)
    refuse_what_refuses(configured())
    run_celery("beat", quiet=quiet or as_json)


@click.command()
@click.option("--host", help="Address to listen on; FLOWER_HOST unless given.")
@click.option("--port", type=click.IntRange(1, 65_535), help="Port; FLOWER_PORT unless given.")
@json_option
@command
def flower(host: str | None, port: int | None, as_json: bool) -> None:
    """Show workers and tasks in a browser (Flower), behind a password where FLOWER_BASIC_AUTH is set."""
    settings = begin("flower", as_json)
    refuse_what_refuses(configured())
    logging.getLogger("flower.inspector").setLevel(logging.ERROR)  # it warns whenever no worker runs
    options = [f"--address={host or settings.flower_host}", f"--port={port or settings.flower_port}", "--logging=none"]
    if settings.flower_basic_auth:
        options.append(f"--basic-auth={settings.flower_basic_auth}")
    try:
        start_celery("--quiet", "flower", *options)
    except OSError as error:
        fail(f"Flower cannot listen on {host or settings.flower_host}:{port or settings.flower_port}: {error.strerror}")
    end_at_once()


def begin(role: str, as_json: bool) -> Settings:
    """What all roles begin with; with `as_json` one line on stdout says which services they use, and logs are JSON."""
    end_with_supervisor()
    # From here on there may be servers of our own to be ended, until Celery or uvicorn hears the signal itself, and after.
    signal.signal(signal.SIGTERM, _end)
    # Messages are JSON only, so that root runs nothing that it was sent; in a container there is often only root.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    if as_json:
        os.environ[f"{ENV_PREFIX}LOG_FORMAT"] = "json"
    settings, urls = configured()
    set_up_logs(settings)
    if as_json:
        places = {"broker": masked(urls.broker_url), "database": masked(urls.database_url)}
        print_json({"role": role, "embedded": urls.embedded is not None} | places)
    return settings


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(0)


def ready_database(settings: Settings) -> None:
    """Migrate the embedded database; wait for a configured one."""
    with store_only(settings) as store:
        if settings.database_url is None:
            make_ready(store, embedded=True)
        else:
            wait_for_database(store)


def end_at_once() -> NoReturn:
    """End after what must be done at exit; Flower's threads may wait for a broker for ever, and Python for them."""
    atexit._run_exitfuncs()  # noqa: SLF001  # there is no public way that does not join threads first
    os._exit(0)


def run_celery(*words: str, quiet: bool) -> NoReturn:
    """One of Celery's programs in this process, to its end."""
    raise SystemExit(start_celery(*(["--quiet"] if quiet else []), *words))


def start_celery(*words: str) -> int:
    """Run Celery's command line on our application; its exit code, which `Celery.start` does not tell.

    A worker that let its work end because it was told to has not failed, whichever signal told it: for Celery, Ctrl-C is 1.
    """
    told = list[str]()

    def note(how: str, **_: object) -> None:
        told.append(how)

    signals.worker_shutting_down.connect(note)
    ended = celery.main(args=[f"--app={APPLICATION}", *words], prog_name="smart-assign", standalone_mode=False)
    return ended if isinstance(ended, int) and told != ["Warm"] else 0
