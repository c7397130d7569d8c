"""How a Redis is made to answer and refuse, and how each refusal is mended."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import redis

from tests.support.running_worker import PATIENCE_S, until
from tests.support.services import RedisProcess

#: With a pause at each key, it loads for so long: longer than the others refuse, on a machine that is busy too. It has so many
#: keys at least.
LOADS_S, LOADED_KEYS = 7.0, 3500
#: The user of a server that is to refuse.
USER = ("worker", "on", ">right", "~*", "&*", "+@all")

Break = Callable[[redis.Redis, RedisProcess], None]


@dataclass(frozen=True)
class Refusal:
    """How a Redis is made to refuse, how that is mended, and what the worker says that Redis said."""

    broken: Break
    mended: Break
    said: str


def settings(**values: object) -> Break:
    def configure(admin: redis.Redis, _: RedisProcess) -> None:
        for name, value in values.items():
            admin.config_set(name.replace("_", "-"), value)  # type: ignore[arg-type]

    return configure


def replica(of: str, port: str) -> Break:
    return lambda admin, _: admin.execute_command("REPLICAOF", of, port)


def fail_to_save(admin: redis.Redis, server: RedisProcess) -> None:
    file = server.folder / "dump.rdb"
    file.unlink(missing_ok=True)  # of a replica that once copied another
    file.mkdir()  # in the way of the file
    admin.config_set("save", "3600 1000000")
    admin.bgsave()
    until(lambda: admin.info("persistence")["rdb_last_bgsave_status"] == "err", PATIENCE_S, "a failed BGSAVE")


def save(admin: redis.Redis, server: RedisProcess) -> None:
    (server.folder / "dump.rdb").rmdir()
    admin.bgsave()
    until(lambda: admin.info("persistence")["rdb_last_bgsave_status"] == "ok", PATIENCE_S, "a BGSAVE")
    admin.config_set("save", "")


def run_for_ever(admin: redis.Redis, server: RedisProcess) -> None:
    admin.config_set("lua-time-limit", 100)

    def run() -> None:
        with suppress(redis.RedisError), server.client() as client:
            client.eval("while true do end", 0)

    threading.Thread(target=run, daemon=True).start()
    until(lambda: is_busy(admin), PATIENCE_S, "BUSY")


def is_busy(admin: redis.Redis) -> bool:
    try:
        admin.get("any")
    except redis.ResponseError as error:
        return str(error).startswith("BUSY")
    return False


def change_password(password: str) -> Break:
    def change(admin: redis.Redis, _: RedisProcess) -> None:
        admin.execute_command("ACL", "SETUSER", "worker", "resetpass", f">{password}")
        admin.execute_command("CLIENT", "KILL", "USER", "worker")

    return change


def ask_for_a_password(admin: redis.Redis, _: RedisProcess) -> None:
    admin.config_set("requirepass", "new")
    admin.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    admin.execute_command("CLIENT", "KILL", "TYPE", "pubsub")


def permit(rule: str) -> Break:
    return lambda admin, _: admin.execute_command("ACL", "SETUSER", "worker", rule)


def load_slowly(admin: redis.Redis, server: RedisProcess) -> None:
    """Save, end, and start again with a pause at each of many keys."""
    admin.mset({f"filler:{number}": number for number in range(LOADED_KEYS)})
    if server.durable:  # what it loads is a file of commands, which is made short
        admin.bgrewriteaof()
        until(lambda: not admin.info("persistence")["aof_rewrite_in_progress"], PATIENCE_S, "a shorter AOF")
    pause_us = int(1_000_000 * LOADS_S / admin.dbsize())
    with suppress(redis.ConnectionError):
        admin.shutdown(save=True)
    server.stop()
    usual = server.options
    server.options += ("--key-load-delay", str(pause_us), "--loading-process-events-interval-bytes", "1024")
    server.launch()
    server.options = usual
    until(lambda: is_loading(admin), PATIENCE_S, "LOADING")


def is_loading(admin: redis.Redis) -> bool:
    try:
        admin.get("any")
    except redis.exceptions.BusyLoadingError:
        return True
    except redis.ConnectionError:
        return False
    return False


def be_loaded(admin: redis.Redis, server: RedisProcess) -> None:
    until(server.answers, PATIENCE_S, "the end of LOADING")
    admin.delete(*(f"filler:{number}" for number in range(LOADED_KEYS)))


BOTH = {
    "read-only": Refusal(replica("127.0.0.1", "1"), replica("NO", "ONE"), "READONLY"),
    "memory full": Refusal(settings(maxmemory=1), settings(maxmemory=0), "OOM"),
    "cannot save": Refusal(fail_to_save, save, "MISCONF"),
    "no replicas": Refusal(settings(min_replicas_to_write=1), settings(min_replicas_to_write=0), "NOREPLICAS"),
    "loading": Refusal(load_slowly, be_loaded, "LOADING"),
    "a script for ever": Refusal(run_for_ever, lambda admin, _: admin.script_kill(), "BUSY"),
}
#: A password in the address, and none, are two ways in.
AS_BROKER = BOTH | {
    "another password": Refusal(change_password("other"), change_password("right"), "WRONGPASS"),
    "may not write": Refusal(permit("-@write"), permit("+@write"), "NOPERM"),
}
AS_CACHE = BOTH | {"a password at all": Refusal(ask_for_a_password, settings(requirepass=""), "NOAUTH")}


def with_login(url: str) -> str:
    """The address of a Redis by which the user of the tests logs in."""
    return url.replace("redis://", "redis://worker:right@")


@contextmanager
def refusing(refusal: Refusal, server: RedisProcess, admin: redis.Redis) -> Iterator[None]:
    """Break it, and mend it at the end."""
    refusal.broken(admin, server)
    try:
        yield
    finally:
        refusal.mended(admin, server)
