"""Acks end every delivery exactly once, in whatever order batches end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.intake.acks import Acks
from worker.intake.in_hand import InHand


class StrictChannel:
    """A channel as RabbitMQ keeps it: an acknowledgement of an unknown tag closes it."""

    def __init__(self, delivered: int) -> None:
        self.outstanding = set(range(1, delivered + 1))
        self.acked: set[int] = set()
        self.returned: set[int] = set()
        self.frames = 0

    def basic_ack(self, tag: int, multiple: bool = False) -> None:
        assert tag in self.outstanding, f"unknown delivery tag {tag}"
        ended = {each for each in self.outstanding if each <= tag} if multiple else {tag}
        self.outstanding -= ended
        self.acked |= ended
        self.frames += 1

    def basic_reject(self, tag: int, requeue: bool) -> None:
        assert requeue
        assert tag in self.outstanding
        self.outstanding.discard(tag)
        self.returned.add(tag)


def test_it_acknowledges_a_batch_with_one_frame() -> None:
    channel = StrictChannel(1000)
    Acks(channel, InHand(most=1000, most_bytes=2**30)).acknowledge(range(1, 1001))
    assert (channel.frames, channel.outstanding) == (1, set())


def test_it_waits_for_an_earlier_batch() -> None:
    channel = StrictChannel(4)
    acks = Acks(channel, InHand(most=1000, most_bytes=2**30))
    acks.acknowledge([3, 4])
    assert channel.outstanding == {1, 2, 3, 4}
    acks.acknowledge([1, 2])
    assert (channel.frames, channel.outstanding) == (1, set())


def test_it_does_not_wait_for_what_celery_holds() -> None:
    channel = StrictChannel(3)
    acks = Acks(channel, InHand(most=1000, most_bytes=2**30))
    acks.hold(1)
    acks.acknowledge([2, 3])
    assert channel.outstanding == {1}
    acks.end_held(1)
    assert channel.outstanding == set()


def test_it_acknowledges_at_the_end_what_waits_for_what_never_ends() -> None:
    channel = StrictChannel(5)
    acks = Acks(channel, InHand(most=1000, most_bytes=2**30))
    acks.acknowledge([2, 4])
    acks.give_back([3])
    acks.flush()
    acks.flush()
    assert (channel.acked, channel.returned, channel.outstanding) == ({2, 4}, {3}, {1, 5})


@given(st.data())
def test_it_ends_every_delivery_once(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 30))
    order = data.draw(st.permutations(range(1, count + 1)))
    channel = StrictChannel(count)
    acks = Acks(channel, InHand(most=1000, most_bytes=2**30))
    kinds = {tag: data.draw(st.sampled_from(["ack", "back", "celery"])) for tag in order}
    for tag in sorted(order):
        if kinds[tag] == "celery":
            acks.hold(tag)
    for tag in order:
        if kinds[tag] == "ack":
            acks.acknowledge([tag])
        elif kinds[tag] == "back":
            acks.give_back([tag])
        else:
            acks.end_held(tag)
    assert channel.outstanding == set()
    assert channel.returned == {tag for tag in order if kinds[tag] == "back"}
