"""Whether a server can listen at an address of this machine, asked before it is started."""

from __future__ import annotations

import socket

from core.errors import RefusedError


def is_free(host: str, port: int) -> bool:
    """Whether a server can listen there now. Raises RefusedError where the host is none of this machine's."""
    error = listen_error(host, port)
    if isinstance(error, PermissionError):
        raise RefusedError(f"port {port} of {host} may not be used by this user")
    return error is None


def listen_error(host: str, port: int) -> OSError | None:
    """What would keep a server from listening there now. Raises RefusedError where the host is none of this machine's."""
    with socket.socket(_family_of(host), socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error
    return None


def any_port(host: str) -> int:
    """A port that is free now."""
    with socket.socket(_family_of(host), socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _family_of(host: str) -> socket.AddressFamily:
    """IPv4 or IPv6. Raises RefusedError where the name is unknown."""
    try:
        return socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][0]
    except socket.gaierror as error:
        raise RefusedError(f"{host} is no address of this machine: {error.strerror}") from None


def reachable(host: str) -> str:
    """An address to connect to, for a server that listens on all."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104  # not bound here
