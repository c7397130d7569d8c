"""How far a campaign was sent: one small file for each campaign under DATA_DIR, replaced whole after every trip."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any, BinaryIO
from urllib.parse import quote

import msgspec

from core.encoding import encode_json
from core.errors import RefusedError, SmartAssignError
from core.process.private_files import make_all_private, make_private_folder, open_private, replace_private
from worker.embedded.places import private_folder

FOLDER = "campaigns"
BLOCK_BYTES = 1_048_576
_NAME_CHARACTERS = 200


class CampaignStateError(SmartAssignError):
    """The state file cannot be read; the text says which."""


class FileIdentity(msgspec.Struct, frozen=True):
    """A file's content as far as it goes: a copy of it is the same, and so is a file that has grown behind it."""

    size: int
    digest: str


class CampaignState(msgspec.Struct, kw_only=True):
    """How far a campaign was sent. `source` is None where it came from a stream, which cannot be read twice.

    `options` are digests by name, so that no text is kept. `offset` and `line` are where the next batch begins in the
    file, `report_bytes` how much of the report on refused rows tells of what lies before.
    """

    campaign_id: str
    account_id: str
    source: FileIdentity | None
    options: dict[str, str]
    batch_size: int
    started_at: datetime
    updated_at: datetime
    finished_at: datetime | None = None
    recipients: int | None = None
    total_batches: int | None = None
    batches: int = 0
    enqueued: int = 0
    refused: int = 0
    offset: int = 0
    line: int = 0
    report_bytes: int = 0


_decode = msgspec.json.Decoder(CampaignState).decode


class StateFile:
    """The state file of one campaign."""

    def __init__(self, data_dir: Path, campaign_id: str) -> None:
        self.path = data_dir / FOLDER / f"{_file_name(campaign_id)}.json"

    def load(self) -> CampaignState | None:
        """None: the campaign was not begun from here. Raises CampaignStateError."""
        try:
            return _decode(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise CampaignStateError(f"{self.path} cannot be read: {error}") from error

    def save(self, state: CampaignState) -> None:
        """Replace the file in one step: whoever reads it sees the old state or the new one."""
        replace_private(self.path, msgspec.json.encode(state), sync=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from sending the same campaign. Raises RefusedError where one does; a crash unlocks."""
        private_folder(self.path.parent.parent)
        make_private_folder(self.path.parent)
        make_all_private(self.path.parent)
        with os.fdopen(open_private(self.path.with_suffix(".lock"), os.O_WRONLY), "wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RefusedError("another process is sending this campaign at present") from None
            yield


def size_of(stream: IO[bytes]) -> int | None:
    """The bytes of an open regular file, its place kept; None for a stream."""
    if not stream.seekable():
        return None
    place = stream.tell()
    size = stream.seek(0, os.SEEK_END)
    stream.seek(place)
    return size


def identity_of(stream: BinaryIO, first: int | None = None) -> FileIdentity | None:
    """The identity of an open regular file, or of its first bytes, its place kept; None for a stream."""
    if not stream.seekable():
        return None
    place, digest, size = stream.tell(), hashlib.blake2b(digest_size=16), 0
    stream.seek(0)
    while block := stream.read(BLOCK_BYTES if first is None else min(BLOCK_BYTES, first - size)):
        digest.update(block)
        size += len(block)
    stream.seek(place)
    return FileIdentity(size, digest.hexdigest())


def option_digests(options: Mapping[str, Any]) -> dict[str, str]:
    """Digests of the options that are given, by name."""
    return {name: _digest(value) for name, value in sorted(options.items()) if value not in (None, (), [], False)}


def _digest(value: object) -> str:
    return hashlib.blake2b(encode_json(value), digest_size=8).hexdigest()


def _file_name(campaign_id: str) -> str:
    name = quote(campaign_id, safe="")
    return name if len(name) <= _NAME_CHARACTERS else hashlib.blake2b(campaign_id.encode(), digest_size=16).hexdigest()
