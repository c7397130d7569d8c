"""The API keys of accounts, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import event, text

from core.accounts.accounts import Accounts
from core.accounts.logins import LAST_USE_GRAIN, ApiKeys, Visitor
from core.errors import NotFoundError, RefusedError
from core.store import Store
from tests.support.store_fixtures import NOW, filled_schema

DAY = timedelta(days=1)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tables_url: str, clock: Clock) -> Iterator[Store]:
    with filled_schema(tables_url) as engine:
        yield Store(engine, clock=clock)


@pytest.fixture
def accounts(store: Store) -> Accounts:
    accounts = Accounts(store)
    accounts.add("acme")
    return accounts


@pytest.fixture
def keys(store: Store, accounts: Accounts) -> ApiKeys:
    return ApiKeys(store)


def test_it_authenticates_by_an_accounts_own_keys(accounts: Accounts, keys: ApiKeys) -> None:
    _, key = accounts.add("shop", parent="acme")
    second = keys.add("shop")
    seen = Visitor(accounts.get("shop"), suspended=False)
    assert keys.authenticate("shop", key) == keys.authenticate("shop", second) == seen
    for user, word in (("acme", key), ("shop", key + "x"), ("shop", ""), ("nobody", key), ("shop\x00", key)):
        assert keys.authenticate(user, word) is None
    for suspended in ("shop", "acme"):
        accounts.suspend(suspended)
        assert keys.authenticate("shop", key) == Visitor(accounts.get("shop"), suspended=True)
        accounts.resume(suspended)


def test_it_revokes_a_key(accounts: Accounts, keys: ApiKeys) -> None:
    _, first = accounts.add("shop")
    second = keys.add("shop")
    known = keys.of("shop")
    assert [key.prefix for key in known] == [first[:6], second[:6]]
    keys.revoke("shop", known[0].key_id)
    assert keys.authenticate("shop", first) is None
    assert keys.authenticate("shop", second) is not None
    assert [key.revoked_at for key in keys.of("shop")] == [NOW, None]
    for user, key_id in (("shop", known[0].key_id), ("acme", known[1].key_id), ("shop", 999)):
        with pytest.raises(NotFoundError):
            keys.revoke(user, key_id)


def test_it_keeps_no_key_in_the_clear(accounts: Accounts, store: Store) -> None:
    _, key = accounts.add("shop")
    with store.engine.connect() as connection:
        kept = repr(connection.execute(text("SELECT * FROM api_keys")).all())
    assert key not in kept
    assert len(key) >= 43


def test_it_refuses_a_key_from_its_end_on(keys: ApiKeys, clock: Clock) -> None:
    key = keys.add("acme", name="billing", expires_at=NOW + DAY)
    assert keys.authenticate("acme", key) is not None
    assert (keys.of("acme")[-1].name, keys.of("acme")[-1].expires_at) == ("billing", NOW + DAY)
    clock.now = NOW + DAY
    assert keys.authenticate("acme", key) is None


@pytest.mark.parametrize(
    ("name", "ends", "blamed"),
    [
        pytest.param("", None, ["name"], id="no name"),
        pytest.param("x" * 101, None, ["name"], id="a long name"),
        pytest.param("a\nb", None, ["name"], id="a line break"),
        pytest.param("", NOW, ["name", "expires_at"], id="both"),
    ],
)
def test_it_refuses_an_unfit_key(keys: ApiKeys, name: str, ends: datetime | None, blamed: list[str]) -> None:
    with pytest.raises(RefusedError) as refused:
        keys.add("acme", name=name, expires_at=ends)
    assert [error.field for error in refused.value.errors] == blamed
    assert len(keys.of("acme")) == 1


def test_it_rotates_a_key_and_keeps_the_old_one_for_a_while(keys: ApiKeys, clock: Clock) -> None:
    old = keys.add("acme", name="billing")
    new = keys.rotate("acme", keys.of("acme")[-1].key_id, 2 * DAY)
    assert [(key.name, key.expires_at) for key in keys.of("acme")[1:]] == [
        ("billing", NOW + 2 * DAY),
        ("billing", None),
    ]
    assert keys.authenticate("acme", old) == keys.authenticate("acme", new)
    assert keys.authenticate("acme", new) is not None
    clock.now = NOW + 2 * DAY
    assert keys.authenticate("acme", old) is None
    assert keys.authenticate("acme", new) is not None


def test_it_does_not_lengthen_a_keys_life_by_rotating_it(keys: ApiKeys, clock: Clock) -> None:
    keys.add("acme", expires_at=NOW + DAY)
    key_id = keys.of("acme")[-1].key_id
    keys.rotate("acme", key_id, 2 * DAY)
    assert [key.expires_at for key in keys.of("acme")[1:]] == [NOW + DAY, None]
    clock.now = NOW + DAY
    for wrong in (key_id, 999):
        with pytest.raises(NotFoundError):
            keys.rotate("acme", wrong, DAY)


def test_it_writes_the_last_use_down_once_an_hour(keys: ApiKeys, store: Store, clock: Clock) -> None:
    key = keys.add("acme")
    writes = []
    event.listen(store.engine, "before_cursor_execute", lambda _c, _cur, words, *_: writes.append(words))
    for later in (timedelta(0), LAST_USE_GRAIN / 2, LAST_USE_GRAIN):
        clock.now = NOW + later
        keys.authenticate("acme", key)
    assert sum(words.startswith("UPDATE api_keys") for words in writes) == 2
    assert keys.of("acme")[-1].last_used_at == NOW + LAST_USE_GRAIN
    assert keys.of("acme")[0].last_used_at is None
