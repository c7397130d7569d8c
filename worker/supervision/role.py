"""One role of `smart-assign up`: its command, its process over restarts, its lines of output."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, TextIO

from core.process.printable import one_line

PARENT_POLL_S = 1.0
PORT_TIMEOUT_S = 0.2
#: How long the kernel may take to put away what was killed.
GONE_S = 2.0
GONE_POLL_S = 0.005
PR_SET_PDEATHSIG = 1
SUPERVISOR_VARIABLE = "SMART_ASSIGN_SUPERVISOR_PID"
LINE_BYTES = 65_536
"""An unfinished line longer than this is printed in pieces."""

_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_COLOURS = (36, 33, 35, 32, 34, 31)


@dataclass(frozen=True, slots=True)
class Role:
    """A command to keep running; ready when `is_ready` says so or a line contains `ready_text`, else at once."""

    name: str
    command: tuple[str, ...]
    is_ready: Callable[[], bool] | None = None
    ready_text: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


class Printer:
    """Writes lines behind the name of their role, coloured where it is a terminal."""

    def __init__(self, names: Sequence[str], output: TextIO) -> None:
        self._output = output
        width = max((len(name) for name in names), default=0)
        plain = {name: f"{name:<{width}} | " for name in names}
        colours = dict(zip(names, (_COLOURS[i % len(_COLOURS)] for i in range(len(names))), strict=True))
        tinted = {name: f"\x1b[{colours[name]}m{text}\x1b[0m" for name, text in plain.items()}
        self._prefixes = tinted if output.isatty() else plain

    def line(self, name: str, text: str) -> None:
        """One line of a role."""
        with suppress(OSError):  # a terminal that has gone must not keep us from ending the roles
            self._output.write(f"{self._prefixes[name]}{one_line(text)}\n")
            self._output.flush()


class Child:
    """One role's process over its restarts."""

    def __init__(self, role: Role, printer: Printer) -> None:
        self.role = role
        self.printer = printer
        self.process: subprocess.Popen[bytes] | None = None
        self.ready = self.announced = False
        self.failures = 0
        self.started_at = 0.0
        self.restart_at: float | None = None
        self._rest = b""

    def start(self, now: float) -> None:
        """Start the command with its output in our pipe and no input."""
        self.process = subprocess.Popen(  # noqa: S603 - our own commands, no shell
            self.role.command,
            env={**os.environ, **self._environment()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,
            preexec_fn=die_with(os.getpid()),  # noqa: PLW1509 - one thread, one system call
        )
        os.set_blocking(self._pipe().fileno(), False)
        self.started_at, self.restart_at, self.ready = now, None, False

    def _environment(self) -> Mapping[str, str]:
        return {"PYTHONUNBUFFERED": "1", SUPERVISOR_VARIABLE: str(os.getpid()), **self.role.environment}

    def _pipe(self) -> IO[bytes]:
        assert self.process is not None
        assert self.process.stdout is not None
        return self.process.stdout

    def fileno(self) -> int:
        """The pipe, for the selector."""
        return int(self._pipe().fileno())

    def read(self) -> bool:
        """Print the lines that have come; False at the end of the output, BlockingIOError where nothing has come."""
        if not (piece := os.read(self.fileno(), LINE_BYTES)):
            return False
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > LINE_BYTES:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            self._line(line)
        return True

    def _line(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip("\r")
        if self.role.ready_text and self.role.ready_text in text:
            self.ready = True
        self.printer.line(self.role.name, text)

    @property
    def open(self) -> bool:
        """Whether its output is still being read."""
        return self.process is not None and not self._pipe().closed

    def close(self) -> None:
        """Print what is left and let go of the pipe; what processes of its own may still write is not waited for."""
        with suppress(BlockingIOError):
            while self.read():
                continue
        if self._rest:
            self._line(self._rest)
            self._rest = b""
        self._pipe().close()

    @property
    def running(self) -> bool:
        """Whether the process is there and has not ended."""
        return self.process is not None and self.process.poll() is None

    def check_ready(self) -> bool:
        """Whether it is ready now; remembered."""
        if not self.ready and self.running:
            check = self.role.is_ready
            self.ready = check() if check else self.role.ready_text is None
        return self.ready

    def ask_to_end(self) -> None:
        """SIGTERM to the process alone: how its own children end is its business."""
        assert self.process is not None
        self.process.terminate()

    def kill(self) -> None:
        """SIGKILL to the process and to all that is left in its group."""
        assert self.process is not None
        kill_group(self.process)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to a process and to all that is left in its group; returns when they are gone, with the locks they held."""
    deadline = time.monotonic() + GONE_S
    while time.monotonic() < deadline:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # macOS refuses for a group of the dead
            break
        process.poll()
        time.sleep(GONE_POLL_S)
    process.wait()


def port_answers(host: str, port: int) -> Callable[[], bool]:
    """A readiness check: somebody accepts TCP connections there."""

    def answers() -> bool:
        try:
            with socket.create_connection((host, port), timeout=PORT_TIMEOUT_S):
                return True
        except OSError:
            return False

    return answers


def end_with_supervisor() -> None:
    """Called by a role's command: where the kernel cannot do it (not Linux), end as on SIGTERM when it has gone."""
    supervisor = int(os.environ.get(SUPERVISOR_VARIABLE, "0"))

    def watch() -> None:
        while os.getppid() == supervisor:
            time.sleep(PARENT_POLL_S)
        os.kill(os.getpid(), signal.SIGTERM)

    if supervisor and _LIBC is None:
        threading.Thread(target=watch, daemon=True, name="supervisor-watch").start()


def die_with(parent: int) -> Callable[[], None]:
    """Runs in the child before the command: the kernel sends SIGTERM when the supervisor is gone."""

    def arrange() -> None:
        if _LIBC is not None:
            _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:
                os._exit(1)

    return arrange


def describe_exit(code: int) -> str:
    """An exit code in words: `exit code 3`, `SIGKILL`."""
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
