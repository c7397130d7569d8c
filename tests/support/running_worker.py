"""Workers as they run in production: a process of their own, on real services, with settings from the environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.support.services import signal_group

ROOT = Path(__file__).parents[2]
#: How long to wait for what comes within moments: a machine with ten times as much to do as it can comes to it, too.
PATIENCE_S = 60.0
READY_S = 120.0
STOP_S = 60.0
QUEUES = (
    "ingress",
    "campaign_ingress",
    "messages",
    "campaigns",
    "resend",
    "feedback",
    "work",
    "dispatch",
    "parked",
    "events",
)


def until(holds: Callable[[], bool], seconds: float, what: str | Callable[[], str]) -> None:
    """Poll until it holds; fails the test when the time is over."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what if isinstance(what, str) else what()}")
        time.sleep(0.02)


@dataclass(frozen=True)
class Deployment:
    """The services that a worker is set up on; on RabbitMQ the queue names are unique, for the virtual host is shared."""

    broker_url: str
    redis_url: str
    database_url: str
    settings: Mapping[str, str] = field(default_factory=dict)
    stem: str = field(default_factory=lambda: f"t{uuid.uuid4().hex[:8]}")

    @property
    def on_redis(self) -> bool:
        return self.broker_url.startswith(("redis", "sentinel"))

    def queue(self, name: str) -> str:
        """The name of one of QUEUES in this deployment."""
        stem = "smart-assign" if self.on_redis else self.stem
        return f"{stem}.ingress.campaigns" if name == "campaign_ingress" else f"{stem}.{name}"

    def with_settings(self, **settings: str) -> Deployment:
        """The same services and queues with other settings beside those it has."""
        return replace(self, settings={**self.settings, **settings})

    @property
    def environment(self) -> dict[str, str]:
        ours = {"broker_url": self.broker_url, "redis_url": self.redis_url, "database_url": self.database_url}
        queues = {f"{name}_queue": self.queue(name) for name in QUEUES}
        named = {"log_format": "json", "concurrency": "2", "metrics_port": "0"} | ours | queues | dict(self.settings)
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "SSL_CERT_FILE") if name in os.environ}
        return kept | {"PYTHONPATH": str(ROOT)} | {f"SMART_ASSIGN_{name.upper()}": text for name, text in named.items()}


def _empty_log() -> Path:
    handle, path = tempfile.mkstemp(prefix="sa-worker-", suffix=".log")
    os.close(handle)
    return Path(path)


@dataclass
class RunningWorker:
    """One worker process with its pool; its log goes to a file."""

    deployment: Deployment
    options: tuple[str, ...] = ("--without-mingle", "--without-gossip")
    process: subprocess.Popen[bytes] | None = None
    log_path: Path = field(default_factory=_empty_log)
    name: str = field(default_factory=lambda: f"w{uuid.uuid4().hex[:8]}@test")
    application: str = "worker"
    variables: dict[str, str] = field(default_factory=dict)
    _starts_logged: int = 0

    def start(self, *, wait: bool = True) -> RunningWorker:
        command = [sys.executable, "-m", "celery", "-A", self.application, "worker", "-n", self.name, *self.options]
        self._starts_logged = self.log.count(" ready.")
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.deployment.environment | self.variables,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if wait:
            self.wait_until_ready()
        return self

    def wait_until_ready(self) -> None:
        until(lambda: self.ready or not self.alive, READY_S, lambda: self.log[-3000:])
        assert self.alive, self.log

    @property
    def ready(self) -> bool:
        """Whether it takes work since its latest start."""
        return self.alive and self.log.count(" ready.") > self._starts_logged

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def forget_log(self) -> None:
        """Empty the log of a worker that is well, which would else grow for as long as a soak lasts."""
        if self.ready:
            self._starts_logged = -1  # its next start is counted anew
            os.truncate(self.log_path, 0)

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def children(self) -> list[int]:
        """The process ids of the pool."""
        assert self.process is not None
        try:
            listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        except FileNotFoundError:
            return []
        return [int(pid) for pid in listed.split()]

    def kill_child(self, pid: int) -> None:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def kill(self) -> None:
        """As a power cut of the machine: SIGKILL to the worker and its pool at once."""
        if self.process:
            signal_group(self.process, signal.SIGKILL)

    def terminate(self) -> None:
        """SIGTERM to the parent alone, as a process supervisor sends it."""
        assert self.process is not None
        self.process.terminate()

    def stop(self) -> int:
        """SIGTERM and wait; gives the exit code. A worker that does not end in time fails the test."""
        self.terminate()
        assert self.process is not None
        return self.process.wait(STOP_S)

    def remove(self) -> None:
        self.kill()
        self.log_path.unlink(missing_ok=True)


@contextmanager
def running(deployment: Deployment, *options: str) -> Iterator[RunningWorker]:
    """A worker that is ready, and gone afterwards."""
    worker = RunningWorker(deployment)
    worker.options += options
    try:
        yield worker.start()
    finally:
        worker.remove()
