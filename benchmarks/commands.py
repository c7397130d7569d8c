"""Redis commands as MONITOR tells them: who sent them, and which only looked for work."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

#: Commands that wait for work; and those that a script makes when it finds none.
WAITS = frozenset({"BLMOVE"})
LOOKS = frozenset({"LLEN", "RPOP"})

#: A line of MONITOR: time, database and source (`lua` inside a script), command.
_LINE = re.compile(rb'\+[0-9.]+ \[[0-9]+ ([^\]]+)\] "([^"]*)"')


@dataclass(slots=True)
class Commands:
    """Commands by name: sent by clients, and in all, those inside scripts included.

    `waiting` are those of either kind that only looked for work and found none, or were told that enough is queued.
    How many there are depends on time, not on messages.
    """

    by_client: Counter[str] = field(default_factory=Counter)
    in_all: Counter[str] = field(default_factory=Counter)
    waiting_by_client: int = 0
    waiting_in_all: int = 0
    _script: list[str] | None = None

    def note(self, line: bytes, own: bytes) -> None:
        """Count one line of MONITOR, unless `own` is the address that it came from."""
        match = _LINE.match(line)
        if match is None:
            return
        name = match[2].decode().upper()
        if match[1] == b"lua":
            self.in_all[name] += 1
            if self._script is not None:
                self._script.append(name)
            return
        self.close()
        if match[1] != own:
            self._note_client(name)

    def _note_client(self, name: str) -> None:
        self.by_client[name] += 1
        self.in_all[name] += 1
        if name == "EVALSHA":
            self._script = []
        elif name in WAITS:
            self.waiting_by_client += 1
            self.waiting_in_all += 1

    def close(self) -> None:
        """The script before is over: it only looked where all that it did was to look."""
        script, self._script = self._script, None
        if script and LOOKS.issuperset(script):
            self.waiting_by_client += 1
            self.waiting_in_all += 1 + len(script)

    @property
    def client_work(self) -> int:
        """Commands of clients, waiting aside."""
        return self.by_client.total() - self.waiting_by_client

    @property
    def all_work(self) -> int:
        """Commands in all, waiting aside."""
        return self.in_all.total() - self.waiting_in_all
