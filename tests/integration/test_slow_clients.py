"""A client that is slow on purpose is not waited for, and keeps nobody else out: `smart-assign api` as people run it."""

from __future__ import annotations

import base64
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from core.accounts.accounts import Accounts
from tests.support.accounts import open_store
from tests.support.command_line import cli_command, cli_environment
from tests.support.services import wait_for
from worker.cli.roles.up import any_port

HEADER_S, BODY_S = 1.0, 1.5
#: Over which a loaded machine is late; what is never closed stays open for much longer.
LATE_S = 3.0
FILES = 200
pytestmark = [pytest.mark.redis]


@dataclass(frozen=True, slots=True)
class Api:
    port: int
    account: tuple[str, str]
    log: Path

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def header(self, path: str, length: int, *, key: bool = True) -> bytes:
        basic = base64.b64encode(":".join(self.account).encode()).decode()
        lines = [f"POST {path} HTTP/1.1", "Host: here", f"Content-Length: {length}", "Content-Type: application/json"]
        return "\r\n".join([*lines, *([f"Authorization: Basic {basic}"] if key else []), "", ""]).encode()


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, redis_server: str) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("api")
    port = any_port("127.0.0.1")
    settings = {
        "BROKER_URL": redis_server,
        "API_HEADER_TIMEOUT_S": HEADER_S,
        "API_BODY_TIMEOUT_S": BODY_S,
        "API_PORT": port,
    }
    environment = cli_environment(folder, {f"SMART_ASSIGN_{name}": str(value) for name, value in settings.items()})
    log = folder / "log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            ["sh", "-c", f'ulimit -n {FILES}; exec "$@"', "sh", *cli_command("api")],
            env=environment,
            stdout=said,
            stderr=said,
        )
    try:
        wait_for(lambda: "Application startup complete" in log.read_text() and answers(port), 30, log.read_text)
        with open_store(f"sqlite:///{folder}/smart-assign.sqlite3", redis_server) as store:
            _, key = Accounts(store).add("acme")
        yield Api(port, ("acme", key), log)
        assert "Traceback" not in log.read_text()
    finally:
        process.terminate()
        process.wait(30)


def answers(port: int) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    return False


def closed_after(connection: socket.socket, drip: bytes = b"") -> tuple[float, bytes]:
    """How many seconds the server waits, while a byte comes now and then; and what it said."""
    begin, said = time.monotonic(), b""
    connection.settimeout(0.1)
    while time.monotonic() - begin < 20:
        try:
            if drip:
                connection.sendall(drip)
            piece = connection.recv(65_536)
        except TimeoutError:
            continue
        except OSError:
            break
        if not piece:
            break
        said += piece
    return time.monotonic() - begin, said


def test_a_connection_that_says_nothing_is_closed(api: Api) -> None:
    with api.connect() as connection:
        waited, said = closed_after(connection)
    assert HEADER_S - 0.2 < waited < HEADER_S + LATE_S
    assert said == b""


@pytest.mark.parametrize("first", [b"", b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n"], ids=["first", "second"])
def test_a_header_that_comes_byte_by_byte_is_cut_off(api: Api, first: bytes) -> None:
    with api.connect() as connection:
        connection.sendall(first)
        if first:
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET /healthz HTTP/1.1\r\nx: ")
        waited, said = closed_after(connection, b"a")
    assert waited < HEADER_S + LATE_S
    assert b"HTTP/1.1 408" in said


def test_a_body_that_comes_byte_by_byte_is_cut_off(api: Api) -> None:
    with api.connect() as connection:
        connection.sendall(api.header("/v1/explain", 100_000))
        waited, said = closed_after(connection, b" ")
    assert BODY_S - 0.2 < waited < BODY_S + LATE_S
    assert said.startswith(b"HTTP/1.1 408")


def test_a_stranger_learns_at_once_that_a_key_is_missing_and_is_not_listened_to(api: Api) -> None:
    with api.connect() as connection:
        connection.sendall(api.header("/v1/explain", 100_000, key=False))
        assert connection.recv(65_536).startswith(b"HTTP/1.1 401")
        waited, said = closed_after(connection, b" ")
    assert waited < BODY_S + LATE_S
    assert b"408" not in said


def test_a_client_that_does_not_read_is_left(api: Api) -> None:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", api.port))
        connection.settimeout(5)
        ask = b"GET /openapi.json HTTP/1.1\r\nHost: here\r\n\r\n"
        begin, left = time.monotonic(), None
        while time.monotonic() - begin < 20 and left is None:
            try:
                connection.sendall(ask * 20)
                time.sleep(0.2)
            except OSError:
                left = time.monotonic() - begin
    assert left is not None


def test_idle_connections_keep_nobody_else_out(api: Api) -> None:
    with ExitStack() as stack:
        # Twice as many as the process may have files, and more while others ask.
        for number in range(2 * FILES):
            stack.enter_context(api.connect())
            if number % 50 == 49:
                begin = time.monotonic()
                answer = httpx.get(f"http://127.0.0.1:{api.port}/v1/senders", auth=api.account)
                assert answer.status_code == 200
                assert time.monotonic() - begin < HEADER_S
    assert re.findall("(?i)too many open files|socket.accept", api.log.read_text()) == []


def test_who_is_quick_is_served_as_before(api: Api) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{api.port}", auth=api.account) as client:
        for _ in range(5):
            answer = client.post("/v1/explain", json={"to": "+61491570156"})
            assert answer.status_code == 200
            time.sleep(0.4)
