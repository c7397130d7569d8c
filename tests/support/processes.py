"""The processes of a deployment, found by the folder that their commands or settings name."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def processes(folder: Path) -> list[int]:
    """Those that name the folder, this one left out."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                told = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            except OSError:
                continue
            if os.fsencode(folder) in told:
                found.append(int(entry.name))
    return found


def listed(folder: Path) -> str:
    """The same for people."""
    command = ["ps", "-fp", *map(str, processes(folder))]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def kill_all(folder: Path) -> None:
    """What a failed test left."""
    for pid in processes(folder):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


@contextmanager
def ended_at_last(process: subprocess.Popen[Any]) -> Iterator[subprocess.Popen[Any]]:
    """A process that is over, and whose pipes are closed, when the block ends, however it ends."""
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
