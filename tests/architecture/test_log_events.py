"""What is logged is in the catalogue, and what is in the catalogue is logged."""

from __future__ import annotations

import ast
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from core.process.log_choices import LogFormat, LogLevel
from core.process.log_events import LogEvent
from core.process.logs import send_logs_to_stderr

ROOT = Path(__file__).parents[2]
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
#: They never change, and so import nothing of ours that might.
MIGRATIONS = ROOT / "core" / "storage" / "migrations"


def logged() -> Iterator[tuple[str, ast.expr]]:
    """Every event that a module of ours logs: where, and the expression that names it."""
    for package in ("core", "worker", "api"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if _logs(node):
                    assert isinstance(node, ast.Call)
                    where = f"{path.relative_to(ROOT)}:{node.lineno}"
                    yield from ((where, each) for each in _alternatives(node.args[0]))


def _logs(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in LEVELS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "log"
    )


def _alternatives(event: ast.expr) -> list[ast.expr]:
    return [event.body, event.orelse] if isinstance(event, ast.IfExp) else [event]


def event_of(where: str, expression: ast.expr) -> LogEvent | None:
    if isinstance(expression, ast.Attribute) and ast.unparse(expression.value) == "LogEvent":
        return LogEvent[expression.attr]
    if (ROOT / where.rpartition(":")[0]).is_relative_to(MIGRATIONS) and isinstance(expression, ast.Constant):
        return LogEvent(expression.value)
    return None


def test_it_logs_what_the_catalogue_holds_and_all_of_it() -> None:
    found = [(where, event_of(where, expression)) for where, expression in logged()]
    assert [where for where, event in found if event is None] == []
    assert {event for _, event in found} == set(LogEvent)


def test_it_names_every_event_as_its_member() -> None:
    assert [event for event in LogEvent if event.value != event.name.lower()] == []
    assert [event for event in LogEvent if not (event.meaning[0].isupper() and event.meaning.endswith("."))] == []


@pytest.mark.parametrize("log_format", LogFormat)
def test_it_writes_the_name_alone(log_format: LogFormat, capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before = (root.handlers[:], root.level, structlog.get_config())
    try:
        send_logs_to_stderr(log_format, LogLevel.INFO)
        structlog.get_logger("test").warning(LogEvent.EVENT_WAITS, error="x")
    finally:
        root.handlers[:], root.level = before[0], before[1]
        structlog.configure(**before[2])
    said = capsys.readouterr().err
    assert "LogEvent" not in said
    assert "event_waits" in (json.loads(said).values() if log_format is LogFormat.JSON else said.split())
