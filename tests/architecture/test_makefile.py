"""What a fresh machine relies on: the targets, and a lock that pins everything and names no place."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]


def requirements() -> Iterator[Requirement]:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = chain.from_iterable(pyproject["project"]["optional-dependencies"].values())
    for text in (*pyproject["build-system"]["requires"], *pyproject["project"]["dependencies"], *extras):
        yield Requirement(text)


def locked() -> dict[str, Version]:
    pins = [Requirement(line) for line in (ROOT / "requirements.lock").read_text().splitlines()]
    return {canonicalize_name(pin.name): Version(str(pin.specifier).removeprefix("==")) for pin in pins}


@pytest.mark.parametrize("requirement", list(requirements()), ids=str)
def test_it_locks_what_it_requires(requirement: Requirement) -> None:
    assert requirement.specifier.contains(locked()[canonicalize_name(requirement.name)])


def test_its_lock_names_no_address_and_no_file() -> None:
    assert (
        re.findall(r"(?m)^(?!\w[\w.-]*==[\w.]+( ; [^/]+)?$).*$", (ROOT / "requirements.lock").read_text().strip()) == []
    )


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("target", ["help", "demo", "up", "test", "check", "bench", "fmt", "lock", "clean"])
def test_it_has_the_target(target: str) -> None:
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
