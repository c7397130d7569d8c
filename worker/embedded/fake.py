"""Stands in where no Redis server is installed: fakeredis on a loopback port, in a process of its own.

Run as `python -P embedded_fake.py ADDRESS_FILE`; writes the address once it listens, ends on SIGTERM.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path

import fakeredis

from core.process.private_files import replace_private

VERSION = (8, 0)


def write_address(address_file: Path, port: int) -> None:
    """Replace the file at one blow, so that nobody reads half of it."""
    url = f"redis://127.0.0.1:{port}/0"
    address = {"name": "fakeredis", "version": VERSION, "path": __file__, "redis_url": url, "broker_url": url}
    replace_private(address_file, json.dumps(address | {"socket_path": None, "pid": os.getpid()}).encode())


def serve(address_file: Path) -> None:
    """Serve until SIGTERM."""
    server = fakeredis.TcpFakeServer(("127.0.0.1", 0), server_version=VERSION)
    server.daemon_threads = True
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    write_address(address_file, server.server_address[1])
    ended.wait()


def main() -> None:
    """Leave the starter's process tree and terminal, as a Redis with `daemonize yes` does, and serve."""
    if os.fork():
        os._exit(0)
    os.setsid()
    serve(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
