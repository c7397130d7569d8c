"""Files are their owner's alone, also those that existed; no link is followed, and no draft's name can be foreseen.

The modes are looked at, not tried: the tests may run as root, who may read everything.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.process.private_files import (
    PrivateFileError,
    create_private,
    make_all_private,
    make_private,
    make_private_folder,
    open_private,
    replace_private,
)
from worker.embedded.places import private_folder, sqlite_url


@pytest.fixture(autouse=True)
def without_umask() -> Iterator[None]:
    """So that no mode is right by luck."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode_of(path: Path) -> int:
    return path.lstat().st_mode & 0o777


def opened(path: Path) -> None:
    os.close(open_private(path, os.O_RDWR))


def replaced(path: Path) -> None:
    replace_private(path, b"new")


WRITERS = pytest.mark.parametrize("write", [opened, replaced], ids=["opened", "replaced"])


@WRITERS
def test_a_new_file_is_its_owners_alone(write: Callable[[Path], None], tmp_path: Path) -> None:
    write(tmp_path / "file")
    assert mode_of(tmp_path / "file") == 0o600


@WRITERS
def test_a_file_that_existed_is_closed_to_others(write: Callable[[Path], None], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    assert mode_of(tmp_path / "file") == 0o666
    write(tmp_path / "file")
    assert mode_of(tmp_path / "file") == 0o600


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("precious")
    link.symlink_to(target)
    for write in (opened, make_private, make_private_folder):
        with pytest.raises((PrivateFileError, FileExistsError)):
            write(link)
    replaced(link)
    make_all_private(tmp_path)
    create_private(target)
    assert (target.read_text(), link.read_text(), link.is_symlink()) == ("precious", "new", False)


@pytest.mark.parametrize("target", ["missing", "folder"])
def test_no_link_makes_a_file_elsewhere(target: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / target)
    with pytest.raises(PrivateFileError, match="is a link"):
        opened(tmp_path / "link")
    assert not (tmp_path / "missing").exists()


def test_it_writes_to_files_alone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(PrivateFileError, match="is not a file"):
        opened(tmp_path / "pipe")


def test_a_draft_has_a_name_of_its_own_and_goes_when_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = []

    def refuse(draft: Path, _target: Path) -> None:
        names.append(draft.name)
        assert mode_of(draft) == 0o600
        raise OSError("no room")

    monkeypatch.setattr(Path, "replace", refuse)
    for _ in range(2):
        with pytest.raises(OSError, match="no room"):
            replaced(tmp_path / "file")
    assert len(set(names)) == 2
    assert list(tmp_path.iterdir()) == []


# ---- DATA_DIR ----


def test_a_new_folder_is_its_owners_alone(tmp_path: Path) -> None:
    assert mode_of(private_folder(tmp_path / "data")) == 0o700


def test_a_folder_of_ours_that_existed_is_closed_with_what_is_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    files = [folder / f"smart-assign.sqlite3{end}" for end in ("", "-wal", "-shm")]
    for file in files:
        file.touch()
    assert sqlite_url(folder) == f"sqlite:///{files[0]}"
    assert [mode_of(path) for path in (folder, *files)] == [0o700, 0o600, 0o600, 0o600]


def test_a_folder_with_other_peoples_files_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "index.html").touch()
    assert mode_of(private_folder(tmp_path / "data")) == 0o777
    assert mode_of(tmp_path / "data" / "index.html") == 0o666


def test_it_refuses_everybodys_folder_for_temporary_files(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp").chmod(0o1777)
    with pytest.raises(PrivateFileError, match="name one below it"):
        private_folder(tmp_path / "tmp")
    assert mode_of(private_folder(tmp_path / "tmp" / "data")) == 0o700


def test_it_refuses_a_database_that_is_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").touch()
    (tmp_path / "smart-assign.sqlite3").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PrivateFileError, match="is a link"):
        sqlite_url(tmp_path)
    assert mode_of(tmp_path / "elsewhere") == 0o666
