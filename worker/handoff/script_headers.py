"""What the Lua scripts are told at each call: for each script the named fields of its header.

A field that is None is left out, and is nil in the script. The first lines of a script say what its fields mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import msgspec


class ScriptHeader(msgspec.Struct, omit_defaults=True):
    """The header of one call; `script` names the script."""

    script: ClassVar[str]


class BeginHeader(ScriptHeader):
    """Which claim's work begins, where it is of at most so many bytes."""

    script = "begin"
    claim_id: str
    most_bytes: int | None = None


class ChunkHeader(ScriptHeader, kw_only=True):
    """A chunk of a campaign batch that is to be settled."""

    script = "chunk"
    batch: str
    chunk: int
    of: int
    recipients: int
    work_id: str
    account_id: str
    campaign_id: str
    accounts: str
    campaigns: str
    at: str
    messages: int
    parked: int
    parked_by_reason: Mapping[str, int]
    sent_marks: int
    sent_dispatched: int
    sent_duplicates: int
    counted_for: str
    batch_s: int
    second_marks: int = 0
    flags: str | None = None
    sent_second_marks: int = 0
    claim_id: str | None = None
    progress: str | None = None
    total_batches: int | None = None
    part_reason: str | None = None


class ClaimHeader(ScriptHeader):
    """What is to be claimed, and under which id."""

    script = "claim"
    claim_id: str
    sources: Sequence[str]
    most: int
    most_bytes: int
    takes_up: bool
    lines: str | None = None
    line_stem: str | None = None
    of_tasks: bool = False
    lines_first: bool = False


#: What is to be added to the rates of one sender: the text of its key, the source, then the counts in their order.
Addition = Sequence[str | float]


class FeedbackCountHeader(ScriptHeader):
    """Receipts that are counted, and over which connection to RabbitMQ they came."""

    script = "feedback_count"
    connection: str
    additions: Sequence[Addition]
    before: int


class FeedbackSettleHeader(ScriptHeader):
    """What became of a claim of receipts."""

    script = "feedback_settle"
    claim_id: str
    additions: Sequence[Addition]
    parked: int


class FeedbackTakeHeader(ScriptHeader):
    """How many documents of receipts are taken, and under which id."""

    script = "feedback_take"
    claim_id: str
    most: int
    most_bytes: int


class FirstEditionHeader(ScriptHeader):
    """How long an upgrade from the first edition may take."""

    script = "first_edition"
    upgrade_s: int


class ObservedQueue(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A queue that is looked at: its length, where Redis does not have it, and what is known of who takes or fills it.

    `lines` and `line_stem`: where documents wait that were parted from it.
    """

    name: str
    length: int | None = None
    lines: str | None = None
    line_stem: str | None = None
    told: Literal["taken", "filled", "dispatched"] | None = None
    added: int = 0


class ObserveHeader(ScriptHeader):
    """The queues that are looked at."""

    script = "observe"
    queues: Sequence[ObservedQueue]


class OutboxHeader(ScriptHeader):
    """Where a page of the parked outbox begins, and how much it may hold."""

    script = "outbox"
    cursor: str
    most: int
    most_bytes: int


class PartHeader(ScriptHeader):
    """What of a long queue is parted by account, and where the parts wait."""

    script = "part"
    claim_id: str
    sources: Sequence[str]
    most: int
    most_bytes: int
    lines: str
    line_stem: str
    of_tasks: bool
    rounds: int


class PostponeHeader(ScriptHeader):
    """Which claim is put off, and how long."""

    script = "postpone"
    claim_id: str
    delay_ms: int
    gives_way: bool


class TaskTemplate(msgspec.Struct, frozen=True):
    """The task that works on a claim: its envelope, in which the scripts fill in @CLAIM@ and @COUNT@, and its queue."""

    queue: str
    envelope: str


class RecoverHeader(ScriptHeader):
    """How many claims are taken up again, and by which tasks: by lane."""

    script = "recover"
    most: int
    tasks: Mapping[str, TaskTemplate]


class ResendCounts(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which messages are resends of campaigns: keys of progress, and the place from 1 in them of each message; 0: of none.

    `parked` says how many resends of a campaign were parked, by its key.
    """

    keys: Sequence[str] = ()
    of: Sequence[int] = ()
    parked: Mapping[str, int] = {}


class RememberHeader(ScriptHeader):
    """Second marks, where there are any, and what is to be counted for campaigns in the same step."""

    script = "remember"
    second_marks: int = 0
    flags: str | None = None
    resends: ResendCounts | None = None


class ReserveHeader(ScriptHeader):
    """For how long marks are reserved, and how many of them, at the end, came in a redelivery."""

    script = "reserve"
    reserved_ms: int
    redelivered: int
    second_redelivered: int = 0
    second_marks: int = 0
    flags: str | None = None


class SettleHeader(ScriptHeader, kw_only=True):
    """What became of a piece of work: of a claim, or of a task that Celery runs, known by its mark."""

    script = "settle"
    messages: int
    parked: int
    for_celery: int
    deferred: int
    deferred_ms: int
    repeats: int
    second_marks: int = 0
    flags: str | None = None
    claim_id: str | None = None
    task_mark: str | None = None
    deferred_id: str | None = None
    resends: ResendCounts | None = None


class SplitHeader(ScriptHeader):
    """Which claim is split, how often its parts count as begun, and their task."""

    script = "split"
    claim_id: str
    attempts: int
    task: TaskTemplate
