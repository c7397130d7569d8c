"""Accounts and the sender inventory, on both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from core.accounts.accounts import Accounts, AccountStatus
from core.accounts.senders import Senders
from core.errors import ConflictError, NotFoundError, RefusedError
from core.sender import Registration, RegistrationStatus, Sender, SenderStatus, SenderType
from core.storage.scopes import account_scope
from core.store import Store
from tests.support.store_fixtures import NOW, RecordingSink, filled_schema

NUMBER = Sender("acme", "+61491570156", SenderType.LONGCODE)
APPROVED = Registration("AU", RegistrationStatus.APPROVED, NOW, NOW + timedelta(days=365))


@pytest.fixture
def sink() -> RecordingSink:
    return RecordingSink()


@pytest.fixture
def store(tables_url: str, sink: RecordingSink) -> Iterator[Store]:
    with filled_schema(tables_url) as engine:
        yield Store(engine, sink, lambda: NOW)


@pytest.fixture
def accounts(store: Store) -> Accounts:
    accounts = Accounts(store)
    accounts.add("acme", name="Acme Pty Ltd")
    return accounts


@pytest.fixture
def senders(store: Store, accounts: Accounts) -> Senders:
    return Senders(store)


def test_it_numbers_accounts_and_sub_accounts_in_one_sequence(accounts: Accounts) -> None:
    shop, _ = accounts.add("acme-shop", parent="acme", may_borrow=False)
    other, _ = accounts.add("other")
    acme = accounts.get("acme")
    assert len({acme.user_id, shop.user_id, other.user_id}) == 3
    assert (shop.parent, shop.parent_user_id, shop.may_borrow) == ("acme", acme.user_id, False)
    assert (acme.name, acme.parent, acme.status, acme.created_at) == ("Acme Pty Ltd", None, AccountStatus.ACTIVE, NOW)


def test_it_lists_accounts_in_pages(accounts: Accounts) -> None:
    for name in ("b", "a"):
        accounts.add(name, parent="acme")
    assert [account.account_id for account in accounts.page(limit=2)] == ["a", "acme"]
    assert [account.account_id for account in accounts.page(after="acme")] == ["b"]
    assert [account.account_id for account in accounts.page(parent="acme")] == ["a", "b"]


@pytest.mark.parametrize(
    ("add", "error"),
    [
        pytest.param(lambda accounts: accounts.add("acme"), ConflictError, id="taken"),
        pytest.param(lambda accounts: accounts.add(""), RefusedError, id="empty"),
        pytest.param(lambda accounts: accounts.add("x" * 65), RefusedError, id="too long"),
        pytest.param(lambda accounts: accounts.add("a\x00"), RefusedError, id="unprintable"),
        pytest.param(lambda accounts: accounts.add("b", parent="nobody"), RefusedError, id="no such parent"),
        pytest.param(lambda accounts: accounts.add("b", parent="shop"), RefusedError, id="parent is a sub-account"),
    ],
)
def test_it_refuses_an_account(
    accounts: Accounts, store: Store, add: Callable[[Accounts], object], error: type[Exception]
) -> None:
    accounts.add("shop", parent="acme")
    before = accounts.page()
    with pytest.raises(error):
        add(accounts)
    assert accounts.page() == before


def test_it_suspends_and_resumes_with_all_sub_accounts(accounts: Accounts, sink: RecordingSink) -> None:
    accounts.add("shop", parent="acme")
    sink.published.clear()
    assert accounts.suspend("acme").status is AccountStatus.SUSPENDED
    assert accounts.suspend("acme").status is AccountStatus.SUSPENDED
    assert accounts.resume("acme").status is AccountStatus.ACTIVE
    scopes = {account_scope("acme"), account_scope("shop")}
    assert [set(values) for values in sink.published] == [scopes, scopes]
    with pytest.raises(NotFoundError):
        accounts.suspend("nobody")


def test_it_changes_whether_a_sub_account_may_borrow(accounts: Accounts, sink: RecordingSink) -> None:
    accounts.add("shop", parent="acme")
    sink.published.clear()
    assert accounts.set_may_borrow("shop", False).may_borrow is False
    assert [set(values) for values in sink.published] == [{account_scope("shop")}]


def test_it_adds_a_sender_and_derives_its_country(senders: Senders) -> None:
    added = senders.add(NUMBER)
    assert added.country == "AU"
    assert senders.get("acme", "61491570156") == added


@pytest.mark.parametrize(
    ("sender", "error"),
    [
        pytest.param(NUMBER, ConflictError, id="known"),
        pytest.param(Sender("acme", "61491570156", SenderType.LONGCODE), ConflictError, id="known, without +"),
        pytest.param(Sender("acme", "x", SenderType.LONGCODE), RefusedError, id="malformed"),
        pytest.param(Sender("acme", "ACME", SenderType.ALPHA_TAG, trust=-1), RefusedError, id="trust"),
        pytest.param(Sender("acme", "ACME", SenderType.ALPHA_TAG, country="ZZ"), RefusedError, id="country"),
        pytest.param(Sender("nobody", "ACME", SenderType.ALPHA_TAG), NotFoundError, id="no such account"),
    ],
)
def test_it_refuses_a_sender(senders: Senders, sender: Sender, error: type[Exception]) -> None:
    senders.add(NUMBER)
    with pytest.raises(error):
        senders.add(sender)
    assert len(senders.page("acme").senders) == 1


def test_it_keeps_one_pool_sender_of_a_kind(senders: Senders) -> None:
    pool = Sender(None, None, SenderType.SHARED_LONGCODE)
    senders.add(pool)
    with pytest.raises(ConflictError):
        senders.add(pool)
    assert senders.page(None).senders == (pool,)


def test_it_pages_and_filters_senders(senders: Senders) -> None:
    for n in range(5):
        senders.add(Sender("acme", f"+6149157015{n}", SenderType.LONGCODE))
    senders.add(Sender("acme", "ACME", SenderType.ALPHA_TAG, status=SenderStatus.PENDING, registrations=(APPROVED,)))
    first = senders.page("acme", limit=4)
    assert first.next_after is not None
    second = senders.page("acme", limit=4, after=first.next_after)
    assert [s.sender_id for s in (*first.senders, *second.senders)] == [f"+6149157015{n}" for n in range(5)] + ["ACME"]
    assert second.next_after is None
    assert second.senders[-1].registrations == (APPROVED,)
    assert len(senders.page("acme", limit=6).senders) == 6
    assert senders.page("acme", limit=6).next_after is None
    assert len(senders.page("acme", sender_type=SenderType.LONGCODE).senders) == 5
    assert len(senders.page("acme", status=SenderStatus.PENDING).senders) == 1
    assert len(senders.page("acme", country="AU").senders) == 5


def test_it_changes_a_senders_status_once(senders: Senders, sink: RecordingSink) -> None:
    senders.add(NUMBER)
    sink.published.clear()
    for _ in range(2):
        assert senders.set_status("acme", "+61491570156", SenderStatus.SUSPENDED).status is SenderStatus.SUSPENDED
    assert senders.get("acme", "+61491570156").status is SenderStatus.SUSPENDED
    assert len(sink.published) == 1


def test_it_registers_a_sender_and_changes_the_registration(senders: Senders, sink: RecordingSink) -> None:
    senders.add(NUMBER)
    sink.published.clear()
    for _ in range(2):
        assert senders.register("acme", "+61491570156", APPROVED).registrations == (APPROVED,)
    rejected = Registration("AU", RegistrationStatus.REJECTED)
    assert senders.register("acme", "+61491570156", rejected).registrations == (rejected,)
    assert len(sink.published) == 2
    for wrong in (Registration("ZZ", RegistrationStatus.APPROVED), Registration("AU", APPROVED.status, NOW, NOW)):
        with pytest.raises(RefusedError):
            senders.register("acme", "+61491570156", wrong)


def test_it_registers_a_name_by_another_case_only_where_the_country_counts_none(senders: Senders) -> None:
    senders.add(Sender("acme", "ACME", SenderType.ALPHA_TAG))
    assert senders.register("acme", "Acme", APPROVED).sender_id == "ACME"
    for country in ("GB", "AT"):  # Austria counts case from a day that is yet to come
        with pytest.raises(RefusedError) as refused:
            senders.register("acme", "Acme", Registration(country, RegistrationStatus.APPROVED))
        (error,) = refused.value.errors
        assert (error.field, "'ACME', and" in error.reason, "case" in error.reason) == ("sender_id", True, True)
    senders.register("acme", "ACME", Registration("AT", RegistrationStatus.APPROVED))
    assert [each.country for each in senders.get("acme", "acme").registrations] == ["AT", "AU"]


def test_it_asks_which_type_is_meant(senders: Senders) -> None:
    senders.add(NUMBER)
    senders.add(Sender("acme", "+61491570156", SenderType.OWN_NUMBER))
    with pytest.raises(RefusedError, match="longcode, own_number"):
        senders.get("acme", "+61491570156")
    assert senders.get("acme", "+61491570156", SenderType.OWN_NUMBER).sender_type is SenderType.OWN_NUMBER
    with pytest.raises(NotFoundError):
        senders.get("acme", "\x00")
