"""The command line within the test's own process: quicker than tests/support/command_line.py, which is what people run."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from click.testing import CliRunner, Result

from worker.broker_access import release_queue_access
from worker.cli.commands import smart_assign
from worker.configuration import configured
from worker.wiring import release_runtime


@dataclass(frozen=True, slots=True)
class Cli:
    """Runs commands under settings of its own; `settings` are full names of variables."""

    settings: Mapping[str, str]

    def run(self, *words: str, stdin: str | bytes | None = None) -> Result:
        inherited = {name: None for name in os.environ if name.startswith("SMART_ASSIGN_")}
        with _quiet_afterwards():
            return CliRunner(env=inherited | dict(self.settings)).invoke(smart_assign, words, input=stdin)

    def done(self, *words: str, stdin: str | bytes | None = None) -> Any:
        """The document of a command with --json that succeeds."""
        result = self.run(*words, "--json", stdin=stdin)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def refused(self, *words: str, stdin: str | bytes | None = None, exit_code: int = 1) -> str:
        """What a command that fails says on stderr."""
        result = self.run(*words, stdin=stdin)
        assert result.exit_code == exit_code, result.output
        assert isinstance(result.exception, SystemExit), result.exception
        return result.stderr


def embedded_cli(data_dir: Path) -> Cli:
    return Cli({"SMART_ASSIGN_DATA_DIR": str(data_dir)})


@contextmanager
def logs_as_before() -> Iterator[None]:
    """Undoes what whoever logs sets up once for its whole process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()


@contextmanager
def _quiet_afterwards() -> Iterator[None]:
    """Undoes what a command sets up once for its whole process."""
    with logs_as_before():
        try:
            yield
        finally:
            _release()


def _release() -> None:
    release_queue_access()
    release_runtime()
    configured.cache_clear()
