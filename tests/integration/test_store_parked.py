"""Decisions and parked documents, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from core.accounts.accounts import Accounts
from core.errors import FieldError, ParkReason
from core.parked.store import ParkedDocument, ParkedFilter, ParkedState, cursor_of
from core.store import Store
from tests.support.store_fixtures import NOW, counted_statements, filled_schema

DOCUMENT = ParkedDocument(
    parked_id="prk_1",
    reason=ParkReason.INVALID_MESSAGE,
    detail="the message breaks its contract",
    lane="smart-assign.ingress",
    parked_at=NOW,
    fields=(FieldError("to", "is missing"),),
    message_id="m-1",
    campaign_id="c-1",
    batch_id="b-1",
    account_id="acme",
    subaccount_id="acme-shop",
    country="AU",
    document=b'{"message_id": "m-1"}',
)


@pytest.fixture
def store(tables_url: str) -> Iterator[Store]:
    with filled_schema(tables_url) as engine:
        yield Store(engine, clock=lambda: NOW)


def parked(number: int, **changes: object) -> ParkedDocument:
    changed = {"parked_id": f"prk_{number}", "parked_at": NOW + timedelta(seconds=number)} | changes
    return replace(DOCUMENT, **changed)  # type: ignore[arg-type]


def test_it_keeps_a_decision_by_its_id(store: Store) -> None:
    store.save_decisions({"dec_1": b'{"account_id": "acme", "country": "AU", "candidates": []}'}, NOW)
    assert store.decision("dec_1") == {"account_id": "acme", "country": "AU", "candidates": []}
    assert store.decision("dec_2") is None
    assert store.decision("dec\x00") is None


def test_it_leaves_a_known_decision_as_it_is(store: Store) -> None:
    store.save_decisions({"dec_1": b'{"n": 1}'}, NOW)
    store.save_decisions({"dec_1": b'{"n": 2}', "dec_2": b'{"n": 2}'}, NOW)
    assert store.decision("dec_1") == {"n": 1}
    assert store.decision("dec_2") == {"n": 2}


def test_it_saves_five_hundred_decisions_in_a_statement(store: Store) -> None:
    with counted_statements(store.engine) as statements:
        store.save_decisions({f"dec_{n}": b"{}" for n in range(1001)}, NOW)
    assert len(statements) == 3


def test_it_forgets_old_decisions(store: Store) -> None:
    store.save_decisions({"old": b"{}"}, NOW - timedelta(days=2))
    store.save_decisions({"new": b"{}"}, NOW)
    assert store.forget_decisions(NOW - timedelta(days=1)) == 1
    assert store.decision("old") is None
    assert store.decision("new") == {}


def of(account_id: str, *numbers: int) -> dict[str, bytes]:
    return {f"dec_{account_id}_{number}": f'{{"account_id": "{account_id}"}}'.encode() for number in numbers}


def test_it_keeps_so_many_decisions_of_an_account_in_a_day(store: Store) -> None:
    assert store.save_some_decisions(of("acme", 1, 2) | of("other", 1), NOW, 3) == set()
    assert store.save_some_decisions(of("acme", 3, 4, 5) | of("other", 2), NOW, 3) == {"dec_acme_4", "dec_acme_5"}
    assert store.decision("dec_acme_3") is not None
    assert store.decision("dec_acme_4") is None
    tomorrow = NOW + timedelta(days=1)
    assert store.save_some_decisions(of("acme", 4, 5), tomorrow, 3) == set()


def test_a_known_decision_is_kept_beyond_the_bound_and_counts_as_made_now(store: Store) -> None:
    yesterday = NOW - timedelta(days=1)
    store.save_decisions(of("acme", 1), yesterday)
    store.save_decisions(of("acme", 8, 9), NOW)
    assert store.save_some_decisions(of("acme", 1, 2), NOW, 2) == {"dec_acme_2"}
    assert store.forget_decisions(NOW) == 0


def test_it_gives_a_parked_document_back_whole(store: Store) -> None:
    store.park([DOCUMENT])
    assert store.parked_one("prk_1") == replace(DOCUMENT, state_changed_at=NOW)
    assert store.parked_one("prk_2") is None


def test_it_parks_a_document_once(store: Store) -> None:
    store.park([DOCUMENT])
    store.park([replace(DOCUMENT, detail="again"), parked(2)])
    assert [entry.detail for entry in store.parked(ParkedFilter())] == [DOCUMENT.detail] * 2


@pytest.mark.parametrize(
    ("field", "text", "kept"),
    [
        pytest.param("account_id", "a\x00b", "a\ufffdb", id="NUL"),
        pytest.param("message_id", "a\ud800b", "a?b", id="lone surrogate"),
        pytest.param("campaign_id", "x" * 10_000, "x" * 200, id="longer than an index takes"),
        pytest.param("detail", "\x00", "\ufffd", id="NUL in the words"),
        pytest.param("country", "\U0001f4a9" * 5000, "\U0001f4a9" * 200, id="no country at all"),
    ],
)
def test_it_parks_whatever_a_document_holds(store: Store, field: str, text: str, kept: str) -> None:
    poison = parked(1, **{field: text, "document": b"\x00\xff\xfe", "fields": (FieldError("\x00", "\ud800"),)})
    store.park([poison])
    found = store.parked_one("prk_1")
    assert found is not None
    assert getattr(found, field) == kept
    assert found.document == b"\x00\xff\xfe"


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        pytest.param(ParkedFilter(), [5, 4, 3, 2, 1], id="all that are parked, the newest first"),
        pytest.param(ParkedFilter(reason=ParkReason.EXPIRED), [2], id="reason"),
        pytest.param(ParkedFilter(account_id="other"), [3], id="account"),
        pytest.param(ParkedFilter(account_id="acme-shop"), [5, 4, 2, 1], id="sub-account"),
        pytest.param(ParkedFilter(country="NZ"), [4], id="country"),
        pytest.param(ParkedFilter(campaign_id="c-2", account_id="acme"), [5], id="campaign of an account"),
        pytest.param(ParkedFilter(state=ParkedState.DROPPED), [6], id="state"),
        pytest.param(ParkedFilter(state=None), [6, 5, 4, 3, 2, 1], id="any state"),
    ],
)
def test_it_finds_parked_documents(store: Store, wanted: ParkedFilter, numbers: list[int]) -> None:
    store.park(
        [
            parked(1),
            parked(2, reason=ParkReason.EXPIRED),
            parked(3, account_id="other", subaccount_id=None),
            parked(4, country="NZ"),
            parked(5, campaign_id="c-2"),
            parked(6),
        ]
    )
    store.mark_dropped(["prk_6"], NOW)
    assert [entry.parked_id for entry in store.parked(wanted)] == [f"prk_{number}" for number in numbers]
    assert sum(store.parked_counts(wanted).values()) == len(numbers)


def test_it_pages_through_documents_parked_at_one_moment(store: Store) -> None:
    store.park([parked(n, parked_at=NOW) for n in range(7)])
    seen: list[str] = []
    page = store.parked(ParkedFilter(), limit=3)
    while page:
        seen += [entry.parked_id for entry in page]
        page = store.parked(ParkedFilter(), limit=3, after=cursor_of(page[-1]))
    assert seen == [f"prk_{n}" for n in reversed(range(7))]


def test_it_replays_a_document_once(store: Store) -> None:
    store.park([parked(1), parked(2)])
    with store.take_for_replay(["prk_1", "unknown", "prk_1"], NOW + timedelta(hours=1)) as taken:
        assert [document.document for document in taken] == [DOCUMENT.document]
    with store.take_for_replay(["prk_1", "prk_2"], NOW) as taken:
        assert [document.parked_id for document in taken] == ["prk_2"]
    one = store.parked_one("prk_1")
    assert one is not None
    assert (one.state, one.state_changed_at) == (ParkedState.REPLAYED, NOW + timedelta(hours=1))


def test_it_leaves_documents_parked_when_their_replay_fails(store: Store) -> None:
    store.park([parked(1)])
    with pytest.raises(ConnectionError), store.take_for_replay(["prk_1"], NOW):
        raise ConnectionError("the broker is away")
    assert [entry.parked_id for entry in store.parked(ParkedFilter())] == ["prk_1"]


def test_it_hands_each_document_to_one_of_many_replays(store: Store) -> None:
    names = [f"prk_{n}" for n in range(40)]
    store.park([parked(n) for n in range(40)])
    taken: list[str] = []

    def replay() -> None:
        for start in range(0, 40, 8):
            with store.take_for_replay(names[start:] + names[:start], NOW) as documents:
                taken.extend(document.parked_id for document in documents)

    threads = [threading.Thread(target=replay) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(names)


def test_it_drops_a_document_once_and_never_after_a_replay(store: Store) -> None:
    store.park([parked(1), parked(2)])
    with store.take_for_replay(["prk_1"], NOW):
        pass
    assert store.mark_dropped(["prk_1", "prk_2"], NOW) == ["prk_2"]
    assert store.mark_dropped(["prk_2"], NOW) == []


def test_it_forgets_only_what_is_settled(store: Store) -> None:
    store.park([parked(1), parked(2)])
    store.mark_dropped(["prk_1"], NOW)
    assert store.forget_parked(NOW + timedelta(days=1)) == 1
    assert [entry.parked_id for entry in store.parked(ParkedFilter(state=None))] == ["prk_2"]


def test_it_forgets_the_oldest_of_who_has_too_many(store: Store) -> None:
    Accounts(store).add("acme")
    store.park([parked(number, subaccount_id=None) for number in range(6)])
    store.park([parked(10, account_id="nobody"), parked(11, account_id="nobody")])
    store.mark_dropped(["prk_4"], NOW)
    assert store.forget_beyond(3) == {"acme": 3}
    assert left(store) == {"prk_2", "prk_3", "prk_5", "prk_10", "prk_11"}
    assert store.forget_beyond(3) == {}


def test_those_of_accounts_that_do_not_exist_count_together(store: Store) -> None:
    Accounts(store).add("acme")
    store.park([parked(number, account_id=None if number % 2 else f"spoofed-{number}") for number in range(6)])
    store.park([parked(number) for number in (10, 11, 12)])
    assert store.forget_beyond(4) == {"": 2}
    assert left(store) == {"prk_2", "prk_3", "prk_4", "prk_5", "prk_10", "prk_11", "prk_12"}


def left(store: Store) -> set[str]:
    return {entry.parked_id for entry in store.parked(ParkedFilter(state=None))}
