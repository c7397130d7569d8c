"""What embedded mode decides without starting anything."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from core.process.redis_clients import client_url
from worker.embedded.binary import RedisBinary, newest_reader, parse_version
from worker.embedded.places import driver_url, private_folder, sqlite_url
from worker.embedded.server import (
    EmbeddedRedis,
    EmbeddedRedisError,
    Patience,
    RedisHome,
    choose_binary,
    config_text,
    owned_folder,
    parse_address,
    socket_path,
)
from worker.embedded.urls import resolve_urls
from worker.settings import Settings

REDIS_62 = RedisBinary("redis", (6, 2, 14), "/r62")
REDIS_70 = RedisBinary("redis", (7, 0, 15), "/r70")
REDIS_72 = RedisBinary("redis", (7, 2, 4), "/r72")
REDIS_74 = RedisBinary("redis", (7, 4, 0), "/r74")
VALKEY_80 = RedisBinary("valkey", (8, 0, 1), "/v80")


@pytest.mark.parametrize(
    ("told", "binary"),
    [
        pytest.param("Redis server v=7.0.15 sha=0:0 bits=64", RedisBinary("redis", (7, 0, 15), "/p"), id="redis"),
        pytest.param("Valkey server v=8.0.1 sha=0:0 bits=64", RedisBinary("valkey", (8, 0, 1), "/p"), id="valkey"),
        pytest.param("Redis server v=6.2.0 sha=0:0", RedisBinary("redis", (6, 2, 0), "/p"), id="oldest that will do"),
        pytest.param("Redis server v=6.0.16 sha=0:0", None, id="too old"),
        pytest.param("KeyDB server v=6.3.4", None, id="another server"),
        pytest.param("", None, id="does not run"),
    ],
)
def test_it_reads_what_a_server_says_of_itself(told: str, binary: RedisBinary | None) -> None:
    assert parse_version(told, "/p") == binary


@pytest.mark.parametrize(
    ("reader", "writer", "reads"),
    [
        pytest.param(REDIS_70, REDIS_70, True, id="its own"),
        pytest.param(REDIS_70, REDIS_62, True, id="an older one's"),
        pytest.param(REDIS_62, REDIS_70, False, id="a newer one's"),
        pytest.param(REDIS_70, RedisBinary("redis", (7, 0, 99), "/p"), True, id="a newer patch's"),
        pytest.param(VALKEY_80, REDIS_72, True, id="that of the Redis it was forked from"),
        pytest.param(VALKEY_80, REDIS_74, False, id="that of a Redis after the fork"),
        pytest.param(REDIS_74, VALKEY_80, False, id="Redis never reads Valkey's"),
    ],
)
def test_it_knows_whose_data_a_server_reads(reader: RedisBinary, writer: RedisBinary, *, reads: bool) -> None:
    assert reader.reads(writer) is reads


def test_it_takes_the_newest_server_for_new_data() -> None:
    assert newest_reader([VALKEY_80, REDIS_70], None) is VALKEY_80


def test_it_prefers_an_older_server_that_reads_the_data() -> None:
    assert newest_reader([VALKEY_80, REDIS_74], REDIS_74) is REDIS_74


def test_it_needs_no_real_server_for_new_data() -> None:
    assert choose_binary([], None, Path("/data/redis")) is None


@pytest.mark.parametrize("binaries", [[REDIS_62], []], ids=["only an older server", "no server"])
def test_it_refuses_to_leave_data_unread(binaries: list[RedisBinary]) -> None:
    with pytest.raises(EmbeddedRedisError, match=r"/data/redis was written by redis 7\.0\.15.*redis 7\.0 or newer"):
        choose_binary(binaries, REDIS_70, Path("/data/redis"))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("redis+socket:///run/r.sock?virtual_host=3", "unix:///run/r.sock?db=3", id="kombu's socket"),
        pytest.param("redis+socket:///run/r.sock", "unix:///run/r.sock?db=0", id="without a database"),
        pytest.param("redis+socket://:pw@/run/r.sock", "unix://:pw@/run/r.sock?db=0", id="with a password"),
        pytest.param("redis://127.0.0.1:6379/2", "redis://127.0.0.1:6379/2", id="over TCP"),
        pytest.param("unix:///run/r.sock?db=1", "unix:///run/r.sock?db=1", id="redis-py's own"),
    ],
)
def test_it_spells_a_redis_url_as_redis_py_does(url: str, expected: str) -> None:
    assert client_url(url) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u@h/d", "postgresql+psycopg://u@h/d"),
        ("postgresql+psycopg://u@h/d", "postgresql+psycopg://u@h/d"),
        ("sqlite:////data/x.db", "sqlite:////data/x.db"),
    ],
)
def test_it_names_the_postgresql_driver(url: str, expected: str) -> None:
    assert driver_url(url) == expected


@pytest.mark.parametrize(
    ("given", "redis_url"),
    [
        pytest.param({"broker_url": "redis://b/1"}, "redis://b/1", id="the broker's Redis"),
        pytest.param({"broker_url": "redis://b/1", "redis_url": "redis://c/2"}, "redis://c/2", id="one of its own"),
        pytest.param({"broker_url": "amqp://b//", "redis_url": "redis://c/2"}, "redis://c/2", id="beside RabbitMQ"),
        pytest.param({"broker_url": "redis+socket:///s"}, "unix:///s?db=0", id="the broker's socket"),
    ],
)
def test_it_starts_nothing_where_all_is_configured(given: dict[str, str], redis_url: str, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "never-made", database_url="postgresql://u@h/d", **given)
    with ExitStack() as stack:
        urls = resolve_urls(settings, stack)
    assert (urls.broker_url, urls.redis_url, urls.embedded) == (given["broker_url"], redis_url, None)
    assert urls.database_url == "postgresql+psycopg://u@h/d"
    assert not (tmp_path / "never-made").exists()


def test_it_keeps_sqlite_in_a_folder_of_its_own(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "new" / "data")
    assert url == f"sqlite:///{tmp_path}/new/data/smart-assign.sqlite3"
    assert (tmp_path / "new" / "data").stat().st_mode & 0o777 == 0o700


def test_it_puts_the_socket_beside_the_data() -> None:
    assert socket_path(Path("/data/redis")) == Path("/data/redis/redis.sock")


@pytest.fixture
def short_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sa-") as folder:
        yield Path(folder)


def test_it_finds_a_short_socket_path_for_a_deep_folder(short_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(short_folder))
    deep = Path("/" + "d" * 120)
    chosen = socket_path(deep)
    assert chosen == socket_path(deep) != socket_path(deep / "other")
    assert chosen.parent.parent == short_folder
    assert chosen.parent.stat().st_mode & 0o777 == 0o700


def test_it_finds_one_where_the_folder_for_temporary_files_is_deep_too(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/" + "t" * 120)
    monkeypatch.setattr("worker.embedded.server.SHORT_FOLDER", short_folder)
    assert socket_path(Path("/" + "d" * 120)).parent.parent == short_folder


def test_it_accepts_no_socket_folder_that_others_may_enter(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    with pytest.raises(EmbeddedRedisError, match="not a folder of this user alone"):
        owned_folder(tmp_path / "open")


def test_it_follows_no_link_to_a_socket_folder(tmp_path: Path) -> None:
    private_folder(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(EmbeddedRedisError, match="not a folder of this user alone"):
        owned_folder(tmp_path / "link")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"name": "redis"}'])
def test_it_takes_a_broken_address_file_for_none(text: str, tmp_path: Path) -> None:
    home = RedisHome(tmp_path)
    home.folder.mkdir()
    home.address_file.write_text(text)
    assert home.address() is None


def test_it_reads_back_the_address_that_it_wrote(tmp_path: Path) -> None:
    home = RedisHome(tmp_path)
    home.folder.mkdir()
    address = EmbeddedRedis("unix:///s?db=0", "redis+socket:///s?virtual_host=0", Path("/s"), REDIS_70)
    home.address_file.write_text(address.as_json())
    assert home.address() == address


def test_it_does_not_believe_an_address_of_another_shape() -> None:
    with pytest.raises(KeyError):
        parse_address({"name": "redis", "version": [7, 0, 0], "path": "/p"})


def test_it_quotes_a_path_for_the_configuration() -> None:
    assert config_text('/a "b"\\c') == '/a \\"b\\"\\\\c'


def test_its_patience_ends_with_the_complaint() -> None:
    with pytest.raises(EmbeddedRedisError, match="it does not answer"):
        Patience(-1).wait("it does not answer")
