"""Certificates that nobody but the tests trusts."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.support.services import Certificates, MissingServiceError

#: Of the tests' authority, and of a server on this machine.
_AUTHORITY = ("-subj", "/CN=tests", "-addext", "basicConstraints=critical,CA:TRUE")
_SERVER = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")


def make_certificates(folder: Path) -> Certificates:
    """Of an authority of their own; the files lie in `folder`. Raises MissingServiceError without OpenSSL's program, version 3."""
    program = shutil.which("openssl")
    if program is None:
        raise MissingServiceError("no program openssl on the PATH")
    made = Certificates(folder / "authority.pem", folder / "server.pem", folder / "server.key")
    signing = folder / "authority.key"
    _issue(program, _AUTHORITY, made.authority, signing)
    _issue(program, _SERVER, made.server, made.key, "-CA", str(made.authority), "-CAkey", str(signing))
    return made


def _issue(program: str, subject: tuple[str, ...], certificate: Path, key: Path, *signed_by: str) -> None:
    new = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2")
    command = [program, *new, *subject, *signed_by, "-keyout", str(key), "-out", str(certificate)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise MissingServiceError(f"OpenSSL 3 is needed: {done.stderr.strip()}")
