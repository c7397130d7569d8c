"""Disks that are really full: a small file system in memory, which only root may mount."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.services import MissingServiceError

PIECE = b"\0" * 65_536


class SmallDisk:
    """A folder on a file system of its own; whatever is written there takes of its `megabytes`."""

    def __init__(self, megabytes: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sa-disk-"))
        self._megabytes = megabytes
        self._filler = self.folder / "filler"

    def mount(self) -> None:
        """Raises MissingServiceError where this user may not."""
        program = shutil.which("mount")
        words = ["-t", "tmpfs", "-o", f"size={self._megabytes}m,mode=755", "tmpfs", str(self.folder)]
        if program is None or subprocess.run([program, *words], capture_output=True, check=False).returncode:
            self.folder.rmdir()
            raise MissingServiceError("a file system of its own cannot be mounted")

    def fill(self) -> None:
        """Leave no room at all."""
        with self._filler.open("ab", buffering=0) as file, suppress(OSError):
            for piece in (PIECE, PIECE[:1]):
                with suppress(OSError):
                    while file.write(piece):
                        continue

    def make_room(self) -> None:
        """As an operator does."""
        self._filler.unlink(missing_ok=True)

    def unmount(self) -> None:
        """With all that is there."""
        subprocess.run(["umount", "--lazy", str(self.folder)], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def small_disk(megabytes: int) -> Iterator[SmallDisk]:
    """One that is mounted. Raises MissingServiceError where this user may not."""
    disk = SmallDisk(megabytes)
    disk.mount()
    try:
        yield disk
    finally:
        disk.unmount()
