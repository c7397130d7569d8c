"""A TCP proxy that can go silent, as a NAT that forgot, or a peer that lost power behind a load balancer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

CHUNK = 65_536


class Pair:
    """One connection and its counterpart; a dead one takes all that comes and gives nothing."""

    def __init__(self, near: socket.socket, far: socket.socket | None, heard: Callable[[bytes], None]) -> None:
        """`heard` is told of each piece that the near side sends, before it goes on."""
        self.near, self.far, self.dead, self._heard = near, far, far is None, heard
        for source, sink in ((near, far), (far, near)):
            if source is not None:
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket | None) -> None:
        with suppress(OSError):
            while piece := source.recv(CHUNK):
                if source is self.near:
                    self._heard(piece)
                if not self.dead and sink is not None:
                    sink.sendall(piece)
        # The end of one side is told to the other, but not by a dead pair.
        if not self.dead and sink is not None:
            with suppress(OSError):
                sink.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        for each in (self.near, self.far):
            if each is not None:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads
                each.close()


class SilentProxy:
    """Forwards to a port of this machine, until it goes silent; connections that were silent once stay so for ever."""

    def __init__(self, target: int) -> None:
        self._target, self.silent = target, False
        self._sign: bytes | None = None
        self._pairs: list[Pair] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = None if self.silent else self._dial()
                if far is None and not self.silent:
                    near.close()
                    continue
                self._pairs.append(Pair(near, far, self._listen_for_sign))

    def _dial(self) -> socket.socket | None:
        try:
            return socket.create_connection(("127.0.0.1", self._target), timeout=None)
        except OSError:
            return None

    def lead_to(self, target: int) -> None:
        """New connections go to another port from here on, and the others end, as when a pair behind one address fails over."""
        self._target = target
        self._drop()

    def go_silent(self) -> None:
        """Nothing passes any more, nothing is refused, and nothing is closed."""
        self.silent = True
        for pair in self._pairs:
            pair.dead = True

    def go_silent_at(self, sign: bytes) -> None:
        """The same as soon as a client says `sign`, which is the first that is not passed on."""
        self._sign = sign

    def _listen_for_sign(self, piece: bytes) -> None:
        if self._sign is not None and self._sign in piece:
            self._sign = None
            self.go_silent()

    def mend(self) -> None:
        """New connections pass again; the others do not."""
        self.silent = False

    def _drop(self) -> None:
        pairs, self._pairs = self._pairs, []
        for pair in pairs:
            pair.close()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._drop()


@contextmanager
def proxied(url: str) -> Iterator[tuple[SilentProxy, str]]:
    """A proxy before the server of a URL, and the URL that leads through it."""
    parts = urlsplit(url)
    ports = {"redis": 6379, "amqp": 5672}
    proxy = SilentProxy(parts.port or ports.get(parts.scheme, 5432))
    login, at, _ = parts.netloc.rpartition("@")
    try:
        yield proxy, parts._replace(netloc=f"{login}{at}127.0.0.1:{proxy.port}").geturl()
    finally:
        proxy.close()
