"""The files, locks and life of the embedded Redis server of one DATA_DIR."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import redis
from redis.exceptions import BusyLoadingError, RedisError

from core.errors import SmartAssignError
from core.process.log_events import LogEvent
from core.process.logger import Logger
from core.process.private_files import make_all_private, make_private_folder, open_private, replace_private
from core.process.redis_clients import PROBING, open_redis
from worker.embedded.binary import RedisBinary, installed_binaries, newest_reader

ANSWER_DEADLINE_S = 30.0
STOP_DEADLINE_S = 20.0
POLL_S = 0.01
SOCKET_PATH_BYTES = 100
"""The kernel takes 107 (Linux) or 103 (macOS)."""
SHORT_FOLDER = Path("/tmp")  # noqa: S108  # the folder in it is ours alone, see owned_folder
"""Where TMPDIR itself is too long."""

FAKE_SCRIPT = Path(__file__).with_name("fake.py")
CONFIGURATION = """\
# Written at every start; changes made here are lost.
port 0
unixsocket "{socket}"
unixsocketperm 700
daemonize yes
pidfile redis.pid
logfile redis.log
# The append-only file is all there is on disk: a killed server loses nothing, a power cut at most two seconds.
appendonly yes
appendfsync everysec
aof-load-truncated yes
save ""
# Queues must not be thrown away to make room.
maxmemory-policy noeviction
"""

log = Logger(__name__)


class EmbeddedRedisError(SmartAssignError):
    """The embedded Redis cannot be used; the text says why and what helps."""


@dataclass(frozen=True, slots=True)
class EmbeddedRedis:
    """The running server: `redis_url` as redis-py reads it, `broker_url` as kombu does; fakeredis has no socket."""

    redis_url: str
    broker_url: str
    socket_path: Path | None
    server: RedisBinary
    pid: int | None = None

    @property
    def persistent(self) -> bool:
        """Whether what is queued outlives the server; fakeredis keeps nothing."""
        return self.server.name != "fakeredis"

    def client(self) -> redis.Redis:
        """A new client that answers or fails within two seconds, without trying again."""
        return open_redis(self.redis_url, PROBING)

    def as_json(self) -> str:
        """What stands in the address file."""
        socket = str(self.socket_path) if self.socket_path else None
        urls = {"redis_url": self.redis_url, "broker_url": self.broker_url, "socket_path": socket}
        server = {"name": self.server.name, "version": self.server.version, "path": self.server.path}
        return json.dumps(server | urls | {"pid": self.pid})


class Patience:
    """A bounded wait: `wait` sleeps a little, and raises EmbeddedRedisError once the time is over."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.renew()

    def renew(self) -> None:
        """Begin anew, because there is progress."""
        self._deadline = time.monotonic() + self._seconds

    def wait(self, complaint: str) -> None:
        """Sleep POLL_S, or raise with this text."""
        if time.monotonic() > self._deadline:
            raise EmbeddedRedisError(complaint)
        time.sleep(POLL_S)


@dataclass(frozen=True, slots=True)
class RedisHome:
    """Where one DATA_DIR keeps its server. Callers hold the users' lock (see worker/embedded/urls.py)."""

    data_dir: Path

    @property
    def folder(self) -> Path:
        """The server's working folder: append-only file, log, configuration, address."""
        return self.data_dir / "redis"

    @property
    def log_file(self) -> Path:
        """What the server says about itself."""
        return self.folder / "redis.log"

    @property
    def address_file(self) -> Path:
        """Which server wrote the data last, and where it listens, or listened."""
        return self.folder / "address.json"

    def attach_or_start(self) -> EmbeddedRedis:
        """The server as soon as it answers: the one that lives, or one started here.

        Raises EmbeddedRedisError when it does not come up, or cannot read the data of a newer server.
        """
        make_private_folder(self.folder)
        make_all_private(self.folder)
        patience = Patience(ANSWER_DEADLINE_S)
        started = False
        while True:
            if (lock := self._take_server_lock()) is not None:
                if started:
                    os.close(lock)
                    raise EmbeddedRedisError(f"the embedded Redis ended at once: {self._last_words()}")
                self._start(lock)
                started = True
            address = self.address()
            if address and answers(address, patience):
                return address
            patience.wait(f"the embedded Redis does not answer; {self.log_file} may say why")

    def shut_down(self) -> None:
        """End the server and wait until it is gone; one that takes longer than STOP_DEADLINE_S is left alone."""
        patience, asked = Patience(STOP_DEADLINE_S), False
        try:
            while self.is_alive():
                if not asked and (address := self.address()) is not None:
                    asked = ask_to_end(address)
                patience.wait(f"still running after {STOP_DEADLINE_S:.0f} s")
        except EmbeddedRedisError as error:
            log.warning(LogEvent.EMBEDDED_REDIS_STILL_RUNNING, reason=str(error), log_file=str(self.log_file))

    def address(self) -> EmbeddedRedis | None:
        """What the address file says; None where there is none, or none that can be read."""
        try:
            return parse_address(json.loads(self.address_file.read_text()))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def running(self) -> EmbeddedRedis | None:
        """The server if one lives, without starting any; it may still be on its way up, or on its way down."""
        return self.address() if self.data_dir.is_dir() and self.is_alive() else None

    def _take_server_lock(self) -> int | None:
        """The descriptor of the server's lock, or None while a server holds it, alive or coming up."""
        lock = open_private(self.data_dir / "redis.server.lock", os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        return lock

    def is_alive(self) -> bool:
        """Whether a server lives, answering or not; asks the kernel, not the server."""
        if (lock := self._take_server_lock()) is None:
            return True
        os.close(lock)
        return False

    def _start(self, lock: int) -> None:
        """Start a server that inherits the lock; our own descriptor is closed."""
        try:
            writer = self._writer()
            binary = choose_binary(installed_binaries(), writer, self.folder)
            if binary:
                self._start_real(binary, lock)
            else:
                self._start_fake(lock)
        finally:
            os.close(lock)

    def _writer(self) -> RedisBinary | None:
        """The server that wrote what is on disk; fakeredis wrote nothing, and its address is dead."""
        address = self.address()
        if address is None:
            return None
        if not address.persistent:
            self.address_file.unlink()
            return None
        return address.server

    def _start_real(self, binary: RedisBinary, lock: int) -> None:
        socket = socket_path(self.folder)
        configuration = CONFIGURATION.format(socket=config_text(str(socket)))
        replace_private(self.folder / "redis.conf", configuration.encode())
        at = quote(str(socket))
        address = EmbeddedRedis(f"unix://{at}?db=0", f"redis+socket://{at}?virtual_host=0", socket, binary)
        self._write_address(address)
        self._run_daemon([binary.path, "redis.conf"], lock)

    def _start_fake(self, lock: int) -> None:
        log.warning(
            LogEvent.EMBEDDED_REDIS_IS_A_STAND_IN,
            reason="no redis-server or valkey-server of version 6.2 or newer was found",
            consequence="slow, and keeps nothing: what is queued is lost when it stops",
        )
        self._run_daemon([sys.executable, "-P", str(FAKE_SCRIPT), str(self.address_file)], lock)

    def _write_address(self, address: EmbeddedRedis) -> None:
        replace_private(self.address_file, address.as_json().encode())

    def _run_daemon(self, command: list[str], lock: int) -> None:
        """Both servers put themselves in the background; a session of its own keeps our Ctrl-C from them."""
        with os.fdopen(open_private(self.log_file, os.O_WRONLY | os.O_APPEND), "ab") as said:
            subprocess.run(  # noqa: S603 - our own two commands, no shell
                command,
                cwd=self.folder,
                pass_fds=(lock,),
                start_new_session=True,
                umask=0o077,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                check=False,  # its end shows in the lock, its reasons in the log
            )

    def _last_words(self) -> str:
        lines = self.log_file.read_text(errors="replace").splitlines()
        return " / ".join(line.strip() for line in lines[-4:])


def parse_address(document: dict[str, Any]) -> EmbeddedRedis:
    """The counterpart of EmbeddedRedis.as_json; raises KeyError or TypeError for another document."""
    server = RedisBinary(document["name"], tuple(document["version"]), document["path"])
    socket = Path(document["socket_path"]) if document["socket_path"] else None
    return EmbeddedRedis(document["redis_url"], document["broker_url"], socket, server, document["pid"])


def choose_binary(binaries: list[RedisBinary], writer: RedisBinary | None, folder: Path) -> RedisBinary | None:
    """The newest that reads the data; None: fakeredis must do. Raises EmbeddedRedisError where data would be left."""
    found = newest_reader(binaries, writer)
    if found is None and writer is not None:
        found_instead = f"the newest server found is {binaries[0]}" if binaries else "no server was found"
        raise EmbeddedRedisError(
            f"{folder} was written by {writer}, which only that or a newer one can read, but {found_instead}; "
            f"put {writer.name} {writer.version[0]}.{writer.version[1]} or newer on the PATH, "
            "or move that folder away to begin with empty queues"
        )
    return found


def answers(address: EmbeddedRedis, patience: Patience) -> bool:
    """Whether the server serves; one that is still reading its file in may take its time."""
    try:
        with address.client() as client:
            return bool(client.ping())
    except BusyLoadingError:
        patience.renew()
    except RedisError:
        pass
    return False


def ask_to_end(address: EmbeddedRedis) -> bool:
    """Ask for an orderly end; the server has synced its file before it goes. False: it does not listen yet."""
    if not address.persistent and address.pid is not None:
        with suppress(ProcessLookupError):
            os.kill(address.pid, signal.SIGTERM)
        return True
    try:
        with address.client() as client:
            with suppress(BusyLoadingError):
                client.echo("")  # for SHUTDOWN the client takes a connection refused for an end
            client.shutdown(nosave=True)
    except redis.ConnectionError:
        return False
    except RedisError as error:
        log.warning(LogEvent.EMBEDDED_REDIS_REFUSED_TO_END, reason=str(error))
    return True


def socket_path(folder: Path) -> Path:
    """Beside the data, or, where that path is too long for the kernel, in a private folder for temporary files."""
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    private = f"smart-assign-{os.getuid()}/{digest}.sock"
    chosen = folder / "redis.sock"
    for temporary in (Path(tempfile.gettempdir()), SHORT_FOLDER):
        if len(os.fsencode(chosen)) <= SOCKET_PATH_BYTES:
            break
        chosen = temporary / private
    if chosen.parent != folder:
        owned_folder(chosen.parent)
    return chosen


def owned_folder(path: Path) -> Path:
    """A folder that nobody else may enter; raises EmbeddedRedisError where somebody else made it."""
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if not path.is_dir() or path.is_symlink() or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise EmbeddedRedisError(f"{path} is not a folder of this user alone; remove it, or set TMPDIR or DATA_DIR")
    return path


def config_text(text: str) -> str:
    """The text as it stands between double quotes in redis.conf."""
    return text.replace("\\", "\\\\").replace('"', '\\"')
