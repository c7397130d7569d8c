"""The address of a Redis behind Sentinel."""

from __future__ import annotations

import pytest

from core.process.redis_clients import PROBING, open_redis
from core.process.sentinel import SentinelAddress, kombu_form

NODES = "sentinel://a:26379;sentinel://b;sentinel://[::1]:5000"


def test_it_reads_celerys_form() -> None:
    address = SentinelAddress.of(f"{NODES}/3?master_name=main")
    assert address == SentinelAddress((("a", 26379), ("b", 26379), ("::1", 5000)), "main", 3)


@pytest.mark.parametrize(
    "url",
    ["sentinel://u:p%40ss@a;sentinel://b/0?master_name=main", "sentinel://a;sentinel://u:p%40ss@b/0?master_name=main"],
    ids=["the first", "the last"],
)
def test_it_takes_the_login_from_whichever_sentinel_has_it(url: str) -> None:
    address = SentinelAddress.of(url)
    assert (address.username, address.password) == ("u", "p@ss")
    assert kombu_form(url)[0] == "sentinel://u:p%40ss@a:26379/0;sentinel://u:p%40ss@b:26379/0"


def test_it_gives_kombu_what_it_reads_from_its_options() -> None:
    url, options = kombu_form(f"{NODES}/3?master_name=main&sentinel_password=s")
    assert url == "sentinel://a:26379/3;sentinel://b:26379/3;sentinel://[::1]:5000/3"
    assert options == {"master_name": "main", "sentinel_kwargs": {"password": "s"}}


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sentinel://a/0", "must say which primary"),
        ("sentinel://a;redis://b/0?master_name=m", "must name each Sentinel"),
        ("sentinel://a/0?master_name=m&secret=1", "not known: secret"),
        ("sentinel://a/zero?master_name=m", "number of a database"),
    ],
)
def test_it_refuses_what_it_cannot_read(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SentinelAddress.of(url)


def test_a_client_connects_when_it_is_first_used() -> None:
    with open_redis("sentinel://127.0.0.1:1/0?master_name=m", PROBING) as client:
        assert client.get_connection_kwargs()["db"] == 0
