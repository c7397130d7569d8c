"""A folder that all processes of a run share, for what takes long to make and is made once. It goes with the run."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

#: Names the folder to the processes among which a run is divided.
VARIABLE = "SMART_ASSIGN_TEST_SCRATCH"


def scratch() -> Path:
    """The folder; whoever asks first makes it, and removes it at its own end."""
    if VARIABLE not in os.environ:
        made = tempfile.mkdtemp(prefix="sa-scratch-")
        Path(made).chmod(0o755)  # servers run as users of their own
        atexit.register(shutil.rmtree, made, ignore_errors=True)
        os.environ[VARIABLE] = made
    return Path(os.environ[VARIABLE])


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """The folder `name` in it, which `make` filled; whoever else asks meanwhile waits."""
    folder, partial = scratch() / name, scratch() / f"{name}.partial"
    with (scratch() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            make(partial)
            partial.rename(folder)
    return folder
