"""Certificates that nobody but the tests trusts."""

from __future__ import annotations

from pathlib import Path

import trustme

from tests.services import Certificates


def make_certificates(folder: Path) -> Certificates:
    """Of an authority of their own, for a server on this machine; the files lie in `folder`."""
    made = Certificates(folder / "authority.pem", folder / "server.pem", folder / "server.key")
    authority = trustme.CA()
    server = authority.issue_cert("localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(made.authority)
    server.cert_chain_pems[0].write_to_path(made.server)
    server.private_key_pem.write_to_path(made.key)
    return made
