"""README.md and docs/ say what the code does: tables, names of settings, commands, links."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from deploy.generate_tables import FILES, MEANINGS, TABLES, rewritten
from tests.support.compose_file import ROOT
from worker.cli.commands import smart_assign
from worker.queues import our_queues
from worker.settings import ENV_PREFIX, Settings

DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
EACH = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
README = (ROOT / "README.md").read_text(encoding="utf-8")
LINK = re.compile(r"\]\((?!https?://)([^)]*)\)")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_keeps_the_tables_equal_to_the_code(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text == rewritten(text), "run: python -m deploy.generate_tables"


def test_it_shows_each_table_once() -> None:
    texts = "".join(path.read_text(encoding="utf-8") for path in FILES)
    for name in TABLES:
        assert (texts.count(f"<!-- {name}: generated -->"), texts.count(f"<!-- end of {name} -->")) == (1, 1)


def test_it_explains_every_setting_once() -> None:
    silent = {name for name, field in Settings.model_fields.items() if not field.description}
    assert silent == set(MEANINGS)


@EACH
def test_it_names_only_settings_that_exist(path: Path) -> None:
    named = set(
        re.findall(rf"{ENV_PREFIX}(?!TEST_|CHAOS_|REQUIRE_SERVICES)([A-Z_]+)", path.read_text(encoding="utf-8"))
    )
    assert {name.lower() for name in named} <= set(Settings.model_fields)


@EACH
def test_it_links_to_files_and_headings_that_exist(path: Path) -> None:
    for target in LINK.findall(path.read_text(encoding="utf-8")):
        name, _, heading = target.partition("#")
        linked = path.parent / name if name else path
        assert linked.exists(), target
        assert not heading or heading in headings(linked), target


def headings(path: Path) -> set[str]:
    """The anchors of a document's headings."""
    titles = re.findall(r"(?m)^#+ (.*)$", path.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def commands() -> Iterator[str]:
    """The lines of README.md and docs/deployment.md that call the program, and what they write between backticks."""
    for path in (ROOT / "README.md", ROOT / "docs" / "deployment.md"):
        text = path.read_text(encoding="utf-8")
        yield from re.findall(r"(?m)^\s*(?:\.venv/bin/)?smart-assign (.+)$", text)
        yield from re.findall(r"`smart-assign ([^`]+)`", text)


@pytest.mark.parametrize("line", sorted(set(commands())))
def test_it_shows_commands_that_exist(line: str) -> None:
    words = shlex.split(line)
    command: click.Command = smart_assign
    while words and isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words.pop(0))
        assert found is not None
        command = found
    options = {name for parameter in command.params for name in parameter.opts}
    options |= {"--help"}
    assert {word.partition("=")[0] for word in words if word.startswith("--") and word != "--"} <= options


@EACH
def test_it_names_only_queues_that_exist(path: Path) -> None:
    settings = Settings.model_construct()
    named = set(re.findall(r"smart-assign(?:\.(?!env|sqlite3|target)[a-z]+)+", path.read_text(encoding="utf-8")))
    assert named <= {*our_queues(settings), settings.campaign_work_queue}


@pytest.mark.parametrize("target", sorted(set(re.findall(r"(?m)^make (\w+)", README))))
def test_it_shows_targets_that_make_knows(target: str) -> None:
    assert re.search(rf"(?m)^{target}:", (ROOT / "Makefile").read_text())
