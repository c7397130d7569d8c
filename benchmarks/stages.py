"""`python -m benchmarks.stages [--write]`: what each step costs a message, in this process, without any service."""

from __future__ import annotations

import sys
import time
from binascii import hexlify
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from redis._parsers.encoders import Encoder
from redis.connection import PythonRespSerializer

from benchmarks.documents import TaskMessages, as_json, batch, message, numbered, recipient
from benchmarks.figures import rounded, spread
from benchmarks.findings import Table
from benchmarks.process import ROOT
from core.cache.verdict import SenderVerdict, Verdict, sender_fields
from core.campaigns.assigning import assign_chunk
from core.campaigns.batch import decode_batch
from core.contract.decode import decode_message
from core.contract.ids import account_hash, digest_of
from core.contract.models import OutgoingMessage
from core.engine.decision import Request
from core.messages.assigner import Assigner, request_for
from core.messages.enriched import Writer, tail_of
from core.moments import rfc3339
from core.phone import parse_recipient, settled_country
from core.process.redis_packing import BulkPacker
from core.sender import SenderType
from tests.support.accounts import AU
from worker.envelopes.opening import Opener
from worker.envelopes.sealing import Sealer
from worker.envelopes.task_messages import MESSAGE_TASK

MESSAGES = 4_000
RECIPIENTS = 1_000
REPEATS = 9
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- steps: python -m benchmarks.stages --write -->", "<!-- end of steps -->"
VERDICT = SenderVerdict(
    sender_fields(
        "+61491570006",
        SenderType.LONGCODE,
        "AU",
        {
            "source": "smart",
            "grade": "compliant",
            "reason": "LOCAL_DEDICATED",
            "warnings": [],
            "decision_id": "00000000000000000000000000000000",
            "rules_version": "2026-01-01",
            "requested_sender_id": None,
        },
    )
)


class OneVerdict:
    """Gives every request the same verdict: what is timed is the work around it."""

    def verdicts(self, requests: Iterable[Request], now: datetime) -> Mapping[Request, Verdict]:  # noqa: ARG002  # the protocol's
        """The verdict for each."""
        return dict.fromkeys(requests, VERDICT)


Step = tuple[str, int, Callable[[], object]]


def steps() -> list[Step]:
    """Name, messages, and what is timed."""
    return [*_single_steps(), *_batch_steps(), *_other_ways()]


def _single_steps() -> list[Step]:
    now = datetime.now(UTC)
    documents = [as_json(message(number)) for number in range(MESSAGES)]
    messages = [decode_message(document) for document in documents]
    account = account_hash(messages[0].account_id)
    digests = [digest_of(account, each.message_id) for each in messages]
    names = [hexlify(digest) for digest in digests]
    writer = Writer(messages[0], "AU", bytes(VERDICT.shared), rfc3339(now))

    def written() -> list[bytes]:
        return [
            writer.write(each.message_id, each.to, each.body, tail_of(each), name)
            for each, name in zip(messages, names, strict=True)
        ]

    payloads = written()
    sealer = Sealer("smart-assign.dispatch")
    sealed = sealer.seal(payloads, names)
    assigner = Assigner(OneVerdict(), max_bytes=1_048_576)
    pack = BulkPacker().pack
    return [
        ("decode a document", MESSAGES, lambda: [decode_message(document) for document in documents]),
        ("country of the number", MESSAGES, lambda: [settled_country(each.to) for each in messages]),
        ("country and group, as a request", MESSAGES, lambda: [request_for(each, now) for each in messages]),
        ("digest of its id", MESSAGES, lambda: [digest_of(account, each.message_id) for each in messages]),
        ("write the enriched JSON", MESSAGES, written),
        ("seal in kombu's envelope", MESSAGES, lambda: sealer.seal(payloads, names)),
        ("pack the command for Redis", MESSAGES, lambda: pack("EVALSHA", *sealed, *digests)),
        ("**all up to the envelope** (`Assigner.assign`)", MESSAGES, lambda: assigner.assign(documents)),
    ]


def _batch_steps() -> list[Step]:
    document = as_json(batch(0, RECIPIENTS))
    whole = decode_batch(document)
    assigner = Assigner(OneVerdict(), max_bytes=1_048_576)
    return [
        ("campaign: decode the batch", RECIPIENTS, lambda: decode_batch(document)),
        ("**campaign: all up to the envelope**", RECIPIENTS, lambda: assign_chunk(assigner, whole, 0)),
    ]


def _other_ways() -> list[Step]:
    documents = [as_json(message(number)) for number in range(MESSAGES)]
    pack = PythonRespSerializer(6000, Encoder("utf-8", "strict", decode_responses=False).encode).pack
    sealed = Sealer("smart-assign.dispatch").seal([document * 5 for document in documents], [b"id"] * MESSAGES)
    national = [recipient(number, (AU,)).removeprefix("+61") for number in range(200)]
    opener = Opener(results_kept=False)
    tasks = list(TaskMessages.like(MESSAGE_TASK, "q", message(0)).on_redis(numbered(message, range(MESSAGES))))
    return [
        (
            "`message.assign`: open the task message",
            MESSAGES,
            lambda: [opener.open_kombu_message(task) for task in tasks],
        ),
        (
            "not used: decode by the pydantic model",
            MESSAGES,
            lambda: [OutgoingMessage.model_validate_json(document) for document in documents],
        ),
        ("not used: pack the command by redis-py", MESSAGES, lambda: pack("EVALSHA", *sealed)),
        (
            "a national number, by phonenumbers",
            len(national),
            lambda: [parse_recipient(number, "AU") for number in national],
        ),
    ]


def microseconds(step: Step) -> list[float]:
    """Microseconds a message, of each repeat."""
    _, messages, run = step
    run()
    found = []
    for _ in range(REPEATS):
        at = time.process_time()
        run()
        found.append((time.process_time() - at) / messages * 1e6)
    return found


def table() -> Table:
    """The steps with their microseconds."""
    found = [(step[0], microseconds(step)) for step in steps()]
    rows = [(title, rounded(spread(values).median), rounded(min(values))) for title, values in found]
    return Table("", ("step", "µs a message, median", "lowest"), rows)


def put_into(page: str, rows: str) -> str:
    """The page with `rows` between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{rows}\n{END}{after}"


def main() -> None:
    """Print the table; with --write, put it into docs/performance.md too."""
    rows = table().markdown().partition("\n\n")[2]
    print(rows)
    if "--write" in sys.argv[1:]:
        PAGE.write_text(put_into(PAGE.read_text(), rows))


if __name__ == "__main__":
    main()
