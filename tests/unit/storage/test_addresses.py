"""URLs of databases as people write them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.exc import ArgumentError

from core.storage.addresses import database_url, host_options, prepare_options

SEVERAL = [
    pytest.param("postgresql://u:s%40c@h1:5433,h2/db", "h1,h2", "5433,5432", "read-write", id="two, one with a port"),
    pytest.param("postgresql://h1,[::1]:7/db", "h1,::1", "5432,7", "read-write", id="an address of IPv6"),
    pytest.param("postgresql+psycopg://h1,h2/db?target_session_attrs=any", "h1,h2", "5432,5432", "any", id="a wish"),
    pytest.param("postgresql://u@h1,h2,h3?sslmode=require", "h1,h2,h3", "5432,5432,5432", "read-write", id="no name"),
]


@pytest.mark.parametrize(("text", "hosts", "ports", "target"), SEVERAL)
def test_it_reads_several_hosts_as_libpq_does(text: str, hosts: str, ports: str, target: str) -> None:
    url = database_url(text)
    assert host_options(url) == {"host": hosts, "port": ports}
    assert url.query["target_session_attrs"] == target


@pytest.mark.parametrize(
    "text", ["postgresql://u:p@h:5432/db", "sqlite:////tmp/a,b", "postgresql:///db?host=/a&host=/b"]
)
def test_it_leaves_one_host_alone(text: str) -> None:
    url = database_url(text)
    assert (host_options(url), "target_session_attrs" in url.query) == ({}, False)


def test_it_keeps_login_and_name() -> None:
    url = database_url("postgresql://u:s%40c@h1,h2:1/db?sslmode=require")
    assert (url.username, url.password, url.database, url.query["sslmode"]) == ("u", "s@c", "db", "require")


@pytest.mark.parametrize(
    "text", ["postgresql://u:secret@h:x/db", "postgresql://u:secret@h1:x,h2/db", "postgresql://u:secret@h1,,h2/db"]
)
def test_it_refuses_an_address_without_showing_its_password(text: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        database_url(text)
    assert "secret" not in str(caught.value)


PREPARED = [
    pytest.param("", True, {}, id="the driver's own way"),
    pytest.param("", False, {"prepare_threshold": None}, id="none by the setting"),
    pytest.param("?prepare_threshold=0", True, {"prepare_threshold": 0}, id="at once"),
    pytest.param("?prepare_threshold=none", True, {"prepare_threshold": None}, id="none by the URL"),
    pytest.param("?prepare_threshold=7", False, {"prepare_threshold": 7}, id="the URL wins"),
]


@pytest.mark.parametrize(("query", "setting", "given"), PREPARED)
def test_it_gives_the_driver_what_it_takes(query: str, setting: bool, given: dict[str, Any]) -> None:
    url, options = prepare_options(database_url(f"postgresql://h/db{query}"), prepared_statements=setting)
    assert (options, dict(url.query)) == (given, {})


def test_it_refuses_a_threshold_that_is_none() -> None:
    with pytest.raises(ArgumentError, match="prepare_threshold"):
        prepare_options(database_url("postgresql://h/db?prepare_threshold=often"), prepared_statements=True)
