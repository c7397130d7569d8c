"""How long a connection may be silent before it is taken for dead: one setting, and what follows from it.

A peer that lost power, or whose state a NAT or a load balancer forgot, refuses nothing: whoever waits for it waits for ever.
What the kernel can notice, it is asked to (`keep_alive`). Behind a proxy that keeps both ends open it cannot, so every
answer is waited for within a limit as well.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

#: The default of the setting SILENCE_S, in seconds.
SILENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Silence:
    """What follows from the longest silence, in seconds."""

    longest_s: float = SILENCE_S

    @property
    def redis_s(self) -> float:
        """How long Redis may take to answer: several dead connections may be found one after the other."""
        return self.longest_s / 4

    @property
    def rabbitmq_s(self) -> float:
        """How long RabbitMQ may take: the nodes of a cluster have to agree."""
        return self.longest_s / 2

    @property
    def ping_s(self) -> float:
        """How long a database may take to answer a question without content."""
        return self.longest_s / 4

    @property
    def statement_s(self) -> float:
        """How long a worker waits for SQL: statements may take longer than that a server says nothing."""
        return 2 * self.longest_s

    @property
    def heartbeat_s(self) -> int:
        """Between two heartbeats of RabbitMQ; it is dead when two of them are missing."""
        return max(1, round(self.longest_s / 2))

    @property
    def probe_s(self) -> int:
        """Between two probes of the kernel on a connection that is silent."""
        return max(1, round(self.longest_s / 8))

    @property
    def probes(self) -> int:
        """How many probes without an answer make a connection dead, the first being sent after `heartbeat_s`."""
        return 4

    @property
    def unacknowledged_ms(self) -> int:
        """How long what was sent may stay without the acknowledgement of the peer's kernel."""
        return int(self.longest_s * 1000)

    def keep_alive(self) -> dict[int, int]:
        """Options of TCP by their numbers, as far as this system has them."""
        named = {
            # macOS has the same by another name.
            "TCP_KEEPIDLE" if hasattr(socket, "TCP_KEEPIDLE") else "TCP_KEEPALIVE": self.heartbeat_s,
            "TCP_KEEPINTVL": self.probe_s,
            "TCP_KEEPCNT": self.probes,
            "TCP_USER_TIMEOUT": self.unacknowledged_ms,
        }
        return {getattr(socket, name): value for name, value in named.items() if hasattr(socket, name)}
