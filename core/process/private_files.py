"""Files and folders that are their owner's alone: they hold texts and numbers of people.

Nothing is written through a link, for whoever may write to a folder could have put one there; and what is replaced is
drafted under a name that nobody can foresee.
"""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from errno import ELOOP
from pathlib import Path

from core.errors import SmartAssignError

_FILE_MODE, _FOLDER_MODE = 0o600, 0o700
_OTHERS = 0o077


class PrivateFileError(SmartAssignError):
    """A place where no private file can be; the text says which and why."""


def open_private(path: Path, flags: int) -> int:
    """The descriptor of a regular file, made where it is missing, which nobody else may read from now on.

    `flags`: as for `os.open`. Raises PrivateFileError for a link and for what is no file, OSError as `os.open` does.
    """
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, _FILE_MODE)
    except OSError as error:
        if error.errno == ELOOP:
            raise _linked(path) from None
        raise
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise PrivateFileError(f"{path} is not a file")
    if _is_too_open(found):
        os.fchmod(descriptor, _FILE_MODE)
    return descriptor


def create_private(path: Path) -> None:
    """An empty file, unless there is one. An old one is not opened, for that would take SQLite's locks from it."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE))
    except FileExistsError:
        return


def replace_private(path: Path, content: bytes, *, sync: bool = False) -> None:
    """Replace a file in one step: whoever reads it sees the old content or the new one. `sync`: it is on the disk then."""
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name[:32]}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            if sync:
                stream.flush()
                os.fsync(stream.fileno())
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def make_private_folder(path: Path) -> None:
    """A folder that nobody else may enter from now on, made where it is missing. Raises PrivateFileError for a link."""
    path.mkdir(mode=_FOLDER_MODE, exist_ok=True)
    make_private(path)


def make_private(path: Path) -> None:
    """Close an existing file or folder to all but its owner. Raises PrivateFileError for a link."""
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise _linked(path)
    if _is_too_open(found):
        path.chmod(_FOLDER_MODE if stat.S_ISDIR(found.st_mode) else _FILE_MODE)


def make_all_private(folder: Path) -> None:
    """The same for all that is in a folder of ours; links in it are left alone."""
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent, name)
            if not path.is_symlink():
                with suppress(FileNotFoundError):  # whoever made it took it away
                    make_private(path)


def _is_too_open(found: os.stat_result) -> bool:
    """Whether others may use what we may change; sockets and the like have their own guard."""
    is_ours = os.geteuid() in {0, found.st_uid}
    return is_ours and bool(found.st_mode & _OTHERS) and stat.S_IFMT(found.st_mode) in {stat.S_IFREG, stat.S_IFDIR}


def _linked(path: Path) -> PrivateFileError:
    return PrivateFileError(f"{path} is a link, and nothing is written through one: remove it, or name another place")
