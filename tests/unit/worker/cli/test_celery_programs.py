"""What Celery's own command line ends with, the role's process ends with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from celery import Celery

from worker.cli.roles.celery_programs import start_celery
from worker.configuration import configured


class Ended:
    """A worker of Celery's that is over as soon as it starts."""

    exitcode: int | None = None

    def __init__(self, **_: object) -> None:
        return

    def start(self) -> None:
        return


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SMART_ASSIGN_BROKER_URL", "redis://127.0.0.1:1/0")
    configured.cache_clear()
    yield
    configured.cache_clear()


@pytest.mark.parametrize(("exitcode", "ended"), [(None, 0), (0, 0), (1, 1), (70, 70)])
def test_the_exit_code_of_a_worker_is_that_of_its_program(
    exitcode: int | None, ended: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ended, "exitcode", exitcode)
    monkeypatch.setattr(Celery, "Worker", Ended)
    assert start_celery("worker") == ended
