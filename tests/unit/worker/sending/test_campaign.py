"""Cutting a file into batches, pacing, and going on after an end of any kind; a double stands for the broker."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import redis

from core.errors import RefusedError
from core.moments import utc_now
from worker.handoff.errors import NotSentError
from worker.sending.campaign import (
    BATCH_BYTES,
    TRIP_BATCHES,
    CampaignSender,
    Plan,
    RefusalReport,
    begin,
    plan,
)
from worker.sending.layout import Format, read_layout
from worker.sending.lines import Position
from worker.sending.recipients import Hints, RecipientsReader
from worker.sending.state import CampaignState, CampaignStateError, StateFile, identity_of, option_digests

SHARED = {"account_id": "acme", "body": "Hello"}


class Broker:
    """Takes documents; fails at trip `fails_at`, before it took them or after it."""

    def __init__(self, *, fails_at: int = 0, after: bool = False, waiting: Sequence[int] = ()) -> None:
        self.taken: list[dict[str, Any]] = []
        self.trips = 0
        self._fails_at, self._after, self._waiting = fails_at, after, list(waiting)

    def send(self, queue: str, documents: Sequence[bytes]) -> None:
        self.trips += 1
        if self.trips == self._fails_at and not self._after:
            raise redis.ConnectionError("gone")
        self.taken += map(json.loads, documents)
        if self.trips == self._fails_at:
            raise redis.ConnectionError("gone")

    def waiting(self, queue: str) -> int:
        return self._waiting.pop(0) if self._waiting else 0

    def close(self) -> None:
        raise AssertionError


class Bench:
    """A campaign file with its state file and report, sent as often as a test asks."""

    def __init__(self, folder: Path, rows: int, *, batch_size: int = 10, bad: frozenset[int] = frozenset()) -> None:
        self.file = folder / "r.csv"
        lines = ["12" if number in bad else f"+614915{number:05d}" for number in range(rows)]
        self.file.write_text("to\n" + "\n".join(lines) + "\n")
        self.state_file = StateFile(folder / "data", "c/1")
        self.report_path = folder / "refused.csv"
        self.batch_size = batch_size

    def fresh(self, **changes: Any) -> CampaignState:
        with self.file.open("rb") as stream:
            found = self.state_file.load()
            first = found.source.size if found and found.source else None
            source, start = identity_of(stream, first), read_layout(stream, Format.CSV).start
        now = utc_now()
        values = {
            "campaign_id": "c/1",
            "account_id": "acme",
            "source": source,
            "options": option_digests(SHARED),
            "batch_size": self.batch_size,
            "started_at": now,
            "updated_at": now,
            "offset": start.offset,
            "line": start.line,
        }
        return CampaignState(**values | changes)

    def send(self, broker: Broker, *, resume: bool = False, **more: Any) -> CampaignState:
        with self.state_file.locked(), self.file.open("rb") as stream:
            state = begin(self.state_file, self.fresh(), resume=resume)
            layout = read_layout(stream, Format.CSV)
            end = state.source.size if state.source else None
            if state.total_batches is None:
                counted = plan(RecipientsReader(stream, layout, Hints(), end=end), self.batch_size)
                state.recipients, state.total_batches = counted.recipients, counted.batches
            self.state_file.save(state)
            stream.seek(state.offset)
            reader = RecipientsReader(stream, layout, Hints(), Position(state.offset, state.line), end)
            report = RefusalReport(self.report_path, state.report_bytes)
            sender = CampaignSender(broker, "queue", **{"max_waiting": 0, "sleep": lambda _: None} | more)
            try:
                return sender.send(SHARED, reader, state, report, self.state_file.save)
            finally:
                report.close()

    def send_stream(self, broker: Broker) -> CampaignState:
        with self.file.open("rb") as stream:
            layout, state = read_layout(stream, Format.CSV), self.fresh(source=None)
            stream.seek(state.offset)
            reader = RecipientsReader(stream, layout, Hints(), Position(state.offset, state.line))
            report = RefusalReport(self.report_path, 0)
            try:
                return CampaignSender(broker, "queue", max_waiting=0).send(
                    SHARED, reader, state, report, lambda _: None
                )
            finally:
                report.close()


def numbers(batches: list[dict[str, Any]]) -> list[str]:
    return [recipient["to"] for batch in batches for recipient in batch["recipients"]]


def test_it_cuts_a_file_into_numbered_batches(tmp_path: Path) -> None:
    broker = Broker()
    state = Bench(tmp_path, 25).send(broker)
    assert [(b["batch_id"], len(b["recipients"]), b["total_batches"]) for b in broker.taken] == [
        ("00000001", 10, 3),
        ("00000002", 10, 3),
        ("00000003", 5, 3),
    ]
    assert broker.taken[0] == SHARED | {
        "campaign_id": "c/1",
        "total_batches": 3,
        "batch_id": "00000001",
        "recipients": [{"to": f"+614915{number:05d}"} for number in range(10)],
    }
    assert (state.enqueued, state.batches, state.refused) == (25, 3, 0)


@pytest.mark.parametrize(
    ("rows", "bad", "sizes"),
    [
        pytest.param(25, frozenset(), [10, 10, 5], id="a part at the end"),
        pytest.param(20, frozenset(), [10, 10], id="whole batches"),
        pytest.param(24, frozenset({3, 21, 22, 23}), [10, 10], id="refused rows at the end"),
        pytest.param(3, frozenset({0, 1, 2}), [], id="refused rows alone"),
    ],
)
def test_it_tells_the_number_of_batches_with_the_last_one_of_a_stream(
    tmp_path: Path, rows: int, bad: frozenset[int], sizes: list[int]
) -> None:
    broker, bench = Broker(), Bench(tmp_path, rows, bad=bad)
    state = bench.send_stream(broker)
    assert [len(batch["recipients"]) for batch in broker.taken] == sizes
    told = [batch.get("total_batches") for batch in broker.taken]
    assert told == [None for _ in sizes[1:]] + [len(sizes) for _ in sizes[:1]]
    assert (state.enqueued, state.batches, state.refused) == (sum(sizes), len(sizes), len(bad))
    lines = [row["line"] for row in RefusalReport(bench.report_path, state.report_bytes).first(10)]
    assert lines == [number + 2 for number in sorted(bad)]


def test_it_counts_nothing_of_a_stream_that_the_broker_did_not_take(tmp_path: Path) -> None:
    with pytest.raises(NotSentError, match="160 recipients in 16 batches were enqueued"):
        Bench(tmp_path, 500).send_stream(Broker(fails_at=2))


def test_it_cuts_by_bytes_where_rows_are_long(tmp_path: Path) -> None:
    bench, broker = Bench(tmp_path, 0, batch_size=1_000), Broker()
    note = "x" * 100_000
    bench.file.write_text("to,note\n" + f"+61491500000,{note}\n" * 90)
    bench.send(broker)
    per_batch = -(-BATCH_BYTES // len(f"+61491500000,{note}\n"))
    assert [len(batch["recipients"]) for batch in broker.taken] == [per_batch, per_batch, 90 - 2 * per_batch]


@pytest.mark.parametrize("after", [False, True], ids=["before it took the trip", "after it took the trip"])
@pytest.mark.parametrize("fails_at", [1, 2, 4])
def test_it_goes_on_after_a_broken_trip_without_a_change(tmp_path: Path, fails_at: int, after: bool) -> None:
    rows, bad = 500 + 7, frozenset({3, 160, 161, 330, 506})
    (tmp_path / "whole").mkdir()
    whole, whole_bench = Broker(), Bench(tmp_path / "whole", rows, bad=bad)
    whole_bench.send(whole)
    bench, first, second = Bench(tmp_path, rows, bad=bad), Broker(fails_at=fails_at, after=after), Broker()
    with pytest.raises(NotSentError, match=f"{(fails_at - 1) * TRIP_BATCHES * 10:,} recipients"):
        bench.send(first)
    state = bench.send(second, resume=True)
    once = {batch["batch_id"]: batch for batch in first.taken + second.taken}
    assert list(once.values()) == whole.taken
    repeated = len(first.taken) + len(second.taken) - len(whole.taken)
    assert repeated == (min(TRIP_BATCHES, len(whole.taken) - (fails_at - 1) * TRIP_BATCHES) if after else 0)
    assert (state.enqueued, state.refused) == (rows - len(bad), len(bad))
    assert bench.report_path.read_bytes() == whole_bench.report_path.read_bytes()
    assert [line.split(",")[0] for line in bench.report_path.read_text().splitlines()[1:]] == [
        str(number + 2) for number in sorted(bad)
    ]


def test_it_cuts_off_what_a_killed_attempt_wrote_beyond_its_record(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 400, bad=frozenset({1, 399}))
    with pytest.raises(NotSentError):
        bench.send(Broker(fails_at=2))
    with bench.report_path.open("a") as report:
        report.write("torn,")
    bench.send(Broker(), resume=True)
    assert [line[:3] for line in bench.report_path.read_text().splitlines()] == ["lin", "3,t", "401"]


def test_it_counts_before_it_sends_as_it_will_send(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 25, bad=frozenset(range(10)))
    with bench.file.open("rb") as stream:
        reader = RecipientsReader(stream, read_layout(stream, Format.CSV), Hints())
        assert plan(reader, 10) == Plan(15, 2)


def test_it_waits_while_the_workers_have_enough(tmp_path: Path) -> None:
    slept: list[float] = []
    paused: list[int] = []
    broker = Broker(waiting=[5, 6, 4, 3])
    Bench(tmp_path, 20).send(broker, max_waiting=4, sleep=slept.append, paused=paused.append)
    assert (len(slept), paused, len(broker.taken)) == (3, [5, 6, 4], 2)


def refusal(bench: Bench, fresh: CampaignState, *, resume: bool) -> str:
    with pytest.raises(RefusedError) as caught:
        begin(bench.state_file, fresh, resume=resume)
    return str(caught.value)


def test_it_refuses_to_begin_twice_and_to_resume_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 400)
    assert "nothing to resume" in refusal(bench, bench.fresh(), resume=True)
    with pytest.raises(NotSentError):
        bench.send(Broker(fails_at=2))
    assert "160 recipients are enqueued: --resume goes on" in refusal(bench, bench.fresh(), resume=False)
    assert "was begun for account acme" in refusal(bench, bench.fresh(account_id="other"), resume=True)
    bench.send(Broker(), resume=True)
    assert "was sent to 400 recipients" in refusal(bench, bench.fresh(), resume=False)


CHANGES = [
    pytest.param({"options": option_digests(SHARED | {"body": "Bye"})}, "body", id="another text"),
    pytest.param({"options": option_digests(SHARED | {"sender_id": "A"})}, "sender_id", id="one option more"),
    pytest.param({"batch_size": 11}, "--batch-size was 10", id="another batch size"),
    pytest.param({"source": None}, "stream", id="a stream"),
]


@pytest.mark.parametrize(("changes", "words"), CHANGES)
def test_it_refuses_to_resume_with_other_options(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    bench = Bench(tmp_path, 400)
    with pytest.raises(NotSentError):
        bench.send(Broker(fails_at=2))
    assert words in refusal(bench, bench.fresh(**changes), resume=True)


def test_it_refuses_to_resume_with_another_file(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 400)
    with pytest.raises(NotSentError):
        bench.send(Broker(fails_at=2))
    text = bench.file.read_text()
    bench.file.write_text(text.replace("+61491500399", "+61491500398"))
    said = refusal(bench, bench.fresh(), resume=True)
    assert "the file has changed since; what stood in its first 161 lines is enqueued" in said
    bench.file.write_text(text[:-1])
    assert "the file has changed" in refusal(bench, bench.fresh(), resume=True)


def test_it_goes_on_with_a_copy_and_with_what_a_file_was_before_it_grew(tmp_path: Path) -> None:
    whole, broken = Bench(tmp_path, 395), Broker(fails_at=2)
    whole.file.write_text(whole.file.read_text().removesuffix("\n"))
    with pytest.raises(NotSentError):
        whole.send(broken)
    copy = tmp_path / "copy.csv"
    copy.write_text(whole.file.read_text() + "9\n+61491509999\n")
    whole.file.unlink()
    whole.file, broker = copy, Broker()
    state = whole.send(broker, resume=True)
    assert (state.enqueued, state.batches, state.total_batches) == (395, 40, 40)
    assert numbers(broken.taken + broker.taken) == [f"+614915{number:05d}" for number in range(395)]


def test_it_sends_no_row_that_came_while_it_was_sending(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 300)

    def grow(_: CampaignState) -> None:
        with bench.file.open("a") as file:
            file.write("+61491509999\n" * 50)

    broker = Broker()
    state = bench.send(broker, told=grow)
    assert (state.enqueued, state.batches, state.total_batches) == (300, 30, 30)


def test_it_keeps_two_processes_apart(tmp_path: Path) -> None:
    state_file = StateFile(tmp_path, "c")
    with state_file.locked(), pytest.raises(RefusedError, match="another process"), StateFile(tmp_path, "c").locked():
        raise AssertionError
    with state_file.locked():
        pass


IDS = ["c", "../../etc/passwd", "ä" * 64, "a/b c%", ".."]


@pytest.mark.parametrize("campaign_id", IDS)
def test_it_keeps_any_campaign_in_one_folder(tmp_path: Path, campaign_id: str) -> None:
    state_file = StateFile(tmp_path, campaign_id)
    with state_file.locked():
        state_file.path.write_bytes(b"{")
    assert state_file.path.parent.resolve() == tmp_path / "campaigns"
    with pytest.raises(CampaignStateError, match="cannot be read"):
        state_file.load()
