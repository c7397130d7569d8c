"""Message ids of sub-accounts, beside workers of the first edition, which know account and message id alone.

Both work on one Redis, as they do during an upgrade. docs/decisions/0021 says what can be had, and why no more.
"""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import pytest
import redis

from core.campaigns.batch import Batch, read_batch
from core.contract.ids import MARK_BYTES
from tests.support.first_edition import FirstMarks, FirstOnRedis, first_mark
from tests.support.ids import message_digest
from tests.support.services import free_port
from worker.handoff.chunks import Chunks, OpenBatch
from worker.handoff.first_edition import LOOK_AGAIN_S, UPGRADE_S, FirstEdition
from worker.handoff.keys import Keys
from worker.handoff.settlement import Settlement
from worker.rabbitmq_broker.marks import Marks
from worker.redis_broker.claims import Claims
from worker.settings import Settings

pytestmark = [pytest.mark.redis]

SETTINGS = Settings()


class Text(NamedTuple):
    """One message to one person, by its ids."""

    message_id: str
    subaccount_id: str | None = None


def mark(text: Text, beside_first: bool = True) -> bytes:
    """As the assigner makes it; with a second mark where workers of the first edition may be about."""
    digest = message_digest("acme", text.message_id, text.subaccount_id)[:MARK_BYTES]
    return digest + first_mark("acme", text.message_id) if text.subaccount_id and beside_first else digest


def first(text: Text) -> bytes:
    return first_mark("acme", text.message_id)


class Editions(Protocol):
    """Workers of both editions before one broker; each takes one batch and gives what it dispatched of it."""

    def by_first(self, texts: Sequence[Text]) -> list[Text]: ...

    def by_this(self, texts: Sequence[Text], beside_first: bool = True) -> list[Text]: ...


class OnRedis:
    def __init__(self, client: redis.Redis) -> None:
        self._client, self._claims = client, Claims(client, SETTINGS)
        window = SETTINGS.idempotency_window
        self._first = FirstOnRedis(client, SETTINGS.key_prefix, SETTINGS.dispatch_queue, window)

    def by_first(self, texts: Sequence[Text]) -> list[Text]:
        once = {first(text): text for text in reversed(texts)}
        self._first.hand_off([b"%d" % texts.index(text) for text in once.values()], list(once))
        return self._came(texts)

    def by_this(self, texts: Sequence[Text], beside_first: bool = True) -> list[Text]:
        once = {mark(text, beside_first): text for text in reversed(texts)}
        sealed = [b"%d" % texts.index(text) for text in once.values()]
        self._claims.settle_task(str(uuid.uuid4()), Settlement(sealed, list(once)))
        return self._came(texts)

    def _came(self, texts: Sequence[Text]) -> list[Text]:
        places = self._client.lrange(SETTINGS.dispatch_queue, 0, -1)
        self._client.delete(SETTINGS.dispatch_queue)
        return [texts[int(place)] for place in places]  # type: ignore[union-attr]


def must_not_wait(_: float) -> None:
    raise AssertionError("waited")


class OnRabbitMQ:
    def __init__(self, client: redis.Redis) -> None:
        self._marks = Marks(client, SETTINGS, must_not_wait)
        self._first = FirstMarks(client, SETTINGS.key_prefix, SETTINGS.idempotency_window)

    def by_first(self, texts: Sequence[Text]) -> list[Text]:
        once = {first(text): text for text in reversed(texts)}
        known = self._first.reserve(list(once))
        assert known is not None
        fresh = [place for place in range(len(once)) if place not in known]
        self._first.remember([list(once)[place] for place in fresh])
        return [list(once.values())[place] for place in fresh]

    def by_this(self, texts: Sequence[Text], beside_first: bool = True) -> list[Text]:
        marks = [mark(text, beside_first) for text in texts]
        known = self._marks.reserve(marks)
        fresh = [place for place in range(len(marks)) if place not in known]
        self._marks.remember([marks[place] for place in fresh])
        return [texts[place] for place in fresh]


@pytest.fixture(params=[OnRedis, OnRabbitMQ], ids=["redis", "rabbitmq"])
def editions(request: pytest.FixtureRequest, redis_client: redis.Redis) -> Editions:
    made: Editions = request.param(redis_client)
    return made


ALONE, SYDNEY, PERTH = Text("1"), Text("1", "sydney"), Text("1", "perth")


@pytest.mark.parametrize("texts", [(SYDNEY, PERTH, ALONE), (ALONE, SYDNEY, PERTH), (PERTH, ALONE, SYDNEY)])
def test_it_dispatches_one_id_of_every_subaccount(editions: Editions, texts: tuple[Text, ...]) -> None:
    assert [editions.by_this([text]) for text in texts] == [[text] for text in texts]
    assert editions.by_this(texts) == []


def test_it_dispatches_one_id_of_every_subaccount_in_one_batch(editions: Editions) -> None:
    assert sorted(map(str, editions.by_this([SYDNEY, PERTH, ALONE, SYDNEY]))) == sorted(
        map(str, (SYDNEY, PERTH, ALONE))
    )
    assert [editions.by_this([text]) for text in (SYDNEY, PERTH, ALONE)] == [[], [], []]


@pytest.mark.parametrize("text", [ALONE, SYDNEY])
def test_it_repeats_nothing_that_the_other_edition_dispatched(editions: Editions, text: Text) -> None:
    later = Text("2", text.subaccount_id)
    assert (editions.by_first([text]), editions.by_this([text])) == ([text], [])
    assert (editions.by_this([later]), editions.by_first([later])) == ([later], [])


def test_it_takes_what_the_first_edition_dispatched_for_any_subaccount_as_it_would(editions: Editions) -> None:
    # It did not say for whom; a second text to one person is worse than none that it would not have sent either.
    assert editions.by_first([SYDNEY]) == [SYDNEY]
    assert (editions.by_this([PERTH]), editions.by_first([PERTH])) == ([], [])


def test_it_loses_nothing_beside_workers_of_its_own(editions: Editions) -> None:
    assert editions.by_first([Text("0")]) == [Text("0")]
    assert [editions.by_this([text]) for text in (SYDNEY, PERTH)] == [[SYDNEY], [PERTH]]


@pytest.mark.parametrize("seed", range(6))
def test_it_dispatches_each_once_whoever_takes_it(editions: Editions, seed: int) -> None:
    """Ids that are unique in the account, as the first edition asked: no mixture of workers loses or repeats one."""
    draw = random.Random(seed)
    texts = [Text(str(number), draw.choice([None, "sydney", "perth"])) for number in range(60)]
    deliveries = texts * 3
    draw.shuffle(deliveries)
    came: Counter[Text] = Counter()
    for at in range(0, len(deliveries), 7):
        takes = draw.choice([editions.by_first, editions.by_this])
        came.update(takes(deliveries[at : at + 7]))
    assert came == Counter(texts)


@pytest.mark.parametrize("seed", range(6))
def test_it_dispatches_every_subaccounts_once_after_the_upgrade(editions: Editions, seed: int) -> None:
    """Some workers still write second marks, others do so no longer."""
    draw = random.Random(seed)
    texts = [Text(str(number), whose) for number in range(20) for whose in (None, "sydney", "perth")]
    deliveries = texts * 3
    draw.shuffle(deliveries)
    came: Counter[Text] = Counter()
    for at in range(0, len(deliveries), 7):
        came.update(editions.by_this(deliveries[at : at + 7], draw.random() < 0.5))
    assert came == Counter(texts)


@pytest.mark.parametrize("between", [[SYDNEY], [PERTH], [SYDNEY, PERTH]])
def test_it_knows_as_long_as_it_must_for_whom_a_second_mark_stands(
    editions: Editions, redis_client: redis.Redis, between: list[Text]
) -> None:
    assert editions.by_this([SYDNEY]) == [SYDNEY]
    a_half_window_later(redis_client)
    came = editions.by_this(between)
    assert came == [text for text in between if text is PERTH]
    a_half_window_later(redis_client)
    a_half_window_later(redis_client)
    assert editions.by_this([ALONE]) == [ALONE]


def a_half_window_later(client: redis.Redis) -> None:
    """As if what is there had been written half a window before it was."""
    stem = Keys(SETTINGS.key_prefix).seen_stem
    for key in sorted(name.decode() for name in client.scan_iter(f"{stem}*")):
        kind, _, half = key.removeprefix(stem).rpartition(":")
        client.rename(key, f"{stem}{kind}{':' if kind else ''}{int(half) - 1}")


def first_edition(client: redis.Redis, since_s: int = 0) -> FirstEdition:
    (seconds, _) = client.time()  # type: ignore[misc]
    client.set(Keys(SETTINGS.key_prefix).edition, seconds - since_s)
    return FirstEdition(client, SETTINGS)


def test_the_first_edition_may_be_about_for_a_day(redis_client: redis.Redis) -> None:
    assert FirstEdition(redis_client, SETTINGS).may_be_about()
    assert first_edition(redis_client, UPGRADE_S - 60).may_be_about()
    assert not first_edition(redis_client, UPGRADE_S + 1).may_be_about()


def test_the_first_edition_is_about_where_it_marks_messages(editions: Editions, redis_client: redis.Redis) -> None:
    editions.by_this([SYDNEY, ALONE, PERTH])
    editions.by_this([SYDNEY, Text("2", "sydney")], False)
    assert not first_edition(redis_client, UPGRADE_S + 1).may_be_about()
    editions.by_first([Text("3")])
    assert first_edition(redis_client, UPGRADE_S + 1).may_be_about()


def test_it_asks_once_a_minute_whether_the_first_edition_is_about(redis_client: redis.Redis) -> None:
    now = [0.0]
    client = redis_client
    client.set(Keys(SETTINGS.key_prefix).edition, 1)
    asked = FirstEdition(client, SETTINGS, lambda: now[0])
    assert not asked.may_be_about()
    FirstMarks(client, SETTINGS.key_prefix, SETTINGS.idempotency_window).remember([first(ALONE)])
    assert not asked.may_be_about()
    now[0] = LOOK_AGAIN_S
    assert asked.may_be_about()


def test_it_takes_the_first_edition_to_be_about_while_redis_is_away() -> None:
    with redis.Redis(port=free_port()) as away:
        assert FirstEdition(away, SETTINGS).may_be_about()
        assert not FirstEdition(away, Settings(idempotency_window=0)).may_be_about()


def batch_of(subaccount_id: str | None, batch_id: str = "b1") -> Batch:
    names = {"account_id": "acme", "campaign_id": "c1", "batch_id": batch_id, "subaccount_id": subaccount_id}
    return read_batch(names | {"body": "x", "recipients": [{"to": "+61491570156"}]})


def test_it_keeps_the_batches_of_subaccounts_apart(redis_client: redis.Redis) -> None:
    chunks = Chunks(redis_client, SETTINGS)
    keys = [chunks.open_batch(batch_of(whose)).key for whose in ("sydney", None, "perth", "sydney")]
    assert keys[0] == keys[3] == batch_of(None).key
    assert len(set(keys)) == 3


def test_it_goes_on_with_a_batch_that_the_first_edition_began(redis_client: redis.Redis) -> None:
    key = batch_of("sydney").key
    assert key == "b956bdb0e0d34dff2eaa53685ca2ab03"  # as that edition makes it
    redis_client.hset(f"{SETTINGS.key_prefix}:batch:{key}", mapping={"0": "campaign-1", "settled": 1})
    assert Chunks(redis_client, SETTINGS).open_batch(batch_of("sydney")) == OpenBatch(key, {0: "campaign-1"})


def test_it_waits_for_a_worker_of_the_first_edition_that_is_publishing_a_copy(redis_client: redis.Redis) -> None:
    other = FirstMarks(redis_client, SETTINGS.key_prefix, SETTINGS.idempotency_window)
    assert other.reserve([first(SYDNEY)]) == set()
    waits = iter([lambda: other.remember([first(SYDNEY)])])
    assert Marks(redis_client, SETTINGS, lambda _: next(waits)()).reserve([mark(SYDNEY)]) == {0}


def test_it_lets_a_worker_of_the_first_edition_wait(redis_client: redis.Redis) -> None:
    mine = Marks(redis_client, SETTINGS, must_not_wait)
    other = FirstMarks(redis_client, SETTINGS.key_prefix, SETTINGS.idempotency_window)
    assert mine.reserve([mark(SYDNEY)]) == set()
    assert other.reserve([first(SYDNEY)]) is None
    mine.remember([mark(SYDNEY)])
    assert (other.reserve([first(SYDNEY)]), redis_client.zcard(Keys(SETTINGS.key_prefix).reserved)) == ({0}, 0)
