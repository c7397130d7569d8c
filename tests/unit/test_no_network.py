"""The lock on unit tests: whoever connects or starts a program fails the test and not only its own call."""

from __future__ import annotations

import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable

import pytest
import redis
from kombu import Connection

from core.storage.database import open_engine

WAYS_OUT: dict[str, Callable[[], object]] = {
    "a socket": lambda: socket.create_connection(("127.0.0.1", 1)),
    "a Unix socket": lambda: socket.socket(socket.AF_UNIX).connect("/nowhere"),
    "a server": lambda: socket.create_server(("127.0.0.1", 0)),
    "a datagram": lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"", ("127.0.0.1", 1)),
    "HTTP": lambda: urllib.request.urlopen("http://127.0.0.1:1/"),
    "Redis": lambda: redis.Redis(host="127.0.0.1", port=1).ping(),
    "RabbitMQ": lambda: Connection("amqp://127.0.0.1:1//").connect(),
    "PostgreSQL": lambda: open_engine("postgresql+psycopg://127.0.0.1:1/none").connect(),
}


@pytest.mark.parametrize("way_out", WAYS_OUT.values(), ids=WAYS_OUT.keys())
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_it_refuses(way_out: Callable[[], object]) -> None:
    with pytest.raises(AssertionError, match="must not open a connection"):
        way_out()


def test_it_refuses_a_program() -> None:
    with pytest.raises(AssertionError, match="must not start a program"):
        subprocess.run([sys.executable, "-c", ""], check=True)
