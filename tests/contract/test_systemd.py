"""The units are what systemd takes, and name only what exists."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tests.contract.test_deployment import resolve
from tests.support.compose_file import ROOT
from worker.cli.commands import smart_assign
from worker.settings import ENV_PREFIX, Settings

FOLDER = ROOT / "deploy" / "systemd"
PROGRAM = "/opt/smart-assign/bin/smart-assign"
SERVICES = sorted(FOLDER.glob("*.service"))
EACH = pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.stem)


def unit(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names count their case
    parser.read(path)
    return parser


def test_it_has_every_role() -> None:
    assert {path.stem.removeprefix("smart-assign-") for path in SERVICES} == {
        "migrate",
        "worker",
        "scheduler",
        "api",
        "flower",
    }


@EACH
def test_its_command_and_settings_exist(path: Path) -> None:
    program, *words = unit(path)["Service"]["ExecStart"].split()
    assert program == PROGRAM
    assert not isinstance(resolve(smart_assign, words).command, click.Group)
    named = [line.partition("=")[2] for line in path.read_text().splitlines() if line.startswith("Environment=")]
    assert {each.partition("=")[0].removeprefix(ENV_PREFIX).lower() for each in named} <= set(Settings.model_fields)


STAYING = [path for path in SERVICES if unit(path)["Service"]["Type"] != "oneshot"]


@pytest.mark.parametrize("path", STAYING, ids=lambda path: path.stem)
def test_a_role_that_ends_by_a_fault_is_started_again_on_a_migrated_database(path: Path) -> None:
    found = unit(path)
    assert found["Service"]["Restart"] == "on-failure"
    assert found["Service"]["KillMode"] == "mixed"  # a worker ends its own children
    assert found["Unit"]["Requires"] == "smart-assign-migrate.service"
    assert "smart-assign-migrate.service" in found["Unit"]["After"].split()
    assert found["Install"]["WantedBy"] == "smart-assign.target"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_finds_no_fault(tmp_path: Path) -> None:
    program = str(Path(sys.executable).with_name("smart-assign"))
    for path in FOLDER.iterdir():
        (tmp_path / path.name).write_text(path.read_text().replace(PROGRAM, program))
    done = subprocess.run(
        ["systemd-analyze", "verify", *map(str, tmp_path.iterdir())], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
