"""Unit tests open no connection and start no program; one that tries fails at the call. test_no_network.py shows it."""

from __future__ import annotations

import socket
import subprocess

import psycopg
import pytest


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a unit test must not open a connection")

    for name in ("connect", "connect_ex", "bind", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)

    def refuse_to_start(*_: object, **__: object) -> None:
        raise AssertionError("a unit test must not start a program")

    monkeypatch.setattr(subprocess, "Popen", refuse_to_start)
    # libpq connects without Python's sockets.
    monkeypatch.setattr(psycopg.Connection, "_connect_gen", refuse)
