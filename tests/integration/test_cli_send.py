"""`send` and `dispatch tail` on real brokers, as programs of their own."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from core.encoding import encode_json
from tests.conftest import both_brokers
from tests.support.cli_runner import Cli, embedded_cli
from tests.support.command_line import cli_command, run_cli
from tests.support.processes import ended_at_last
from tests.support.running_worker import QUEUES, Deployment
from tests.support.stock_clients import delete_queues, receive, waiting
from worker.cli.interrupts import INTERRUPTED
from worker.envelopes.sealing import Sealer
from worker.handoff.tail import PIECE
from worker.rabbitmq_broker.outgoing import Outgoing
from worker.rabbitmq_broker.publisher import ConfirmedPublisher
from worker.redis_broker.tail import HOLD_S
from worker.settings import Settings


@pytest.fixture(params=both_brokers)
def deployment(request: pytest.FixtureRequest, redis_url: str, tmp_path: Path) -> Iterator[Deployment]:
    broker_url = request.getfixturevalue(f"{request.param}_url")
    made = Deployment(broker_url, redis_url, f"sqlite:///{tmp_path}/unused.sqlite3")
    yield made
    if not made.on_redis:
        delete_queues(made, QUEUES)


def message(number: int, **fields: Any) -> dict[str, Any]:
    return {"message_id": f"m{number}", "account_id": "acme", "to": "+61491570156", "body": "Hello"} | fields


def put_dispatched(deployment: Deployment, documents: list[dict[str, Any]]) -> None:
    """As the worker leaves enriched messages."""
    bodies = [encode_json(document) for document in documents]
    if deployment.on_redis:
        with redis.Redis.from_url(deployment.broker_url) as client:
            ids = [document["message_id"].encode() for document in documents]
            client.lpush(deployment.queue("dispatch"), *Sealer(deployment.queue("dispatch")).seal(bodies, ids))
        return
    names = {f"{name}_queue": deployment.queue(name) for name in QUEUES}
    publisher = ConfirmedPublisher(deployment.broker_url, Settings(broker_url=deployment.broker_url, **names))
    publisher.publish([Outgoing(deployment.queue("dispatch"), body) for body in bodies])
    publisher.close()


def ids(stdout: str) -> list[str]:
    return [json.loads(line)["message_id"] for line in stdout.splitlines()]


def test_it_enqueues_one_message_as_any_upstream_would(deployment: Deployment) -> None:
    options = [
        "--sender-id",
        "+61491570006",
        "--sender-type",
        "LongCode",
        "--reply-expected",
        "--schedule",
        "0",
    ]
    one = ["--account", "acme", "--to", "+61491570156", "--body", "Grüße", "--message-id", "m1", *options]
    done = run_cli(
        "send", *one, "--media-url", "https://example.com/a.png", "--json", environment=deployment.environment
    )
    assert (done.returncode, json.loads(done.stdout)) == (0, {"enqueued": 1, "refused": []})
    assert received(deployment, 1) == [
        {
            "message_id": "m1",
            "account_id": "acme",
            "to": "+61491570156",
            "body": "Grüße",
            "sender_id": "+61491570006",
            "sender_type": "longcode",
            "media_urls": ["https://example.com/a.png"],
            "reply_expected": True,
            "schedule": 0,
        }
    ]


def test_it_makes_up_a_message_id_and_says_so(deployment: Deployment) -> None:
    one = ["--account", "acme", "--to", "+61491570156", "--body", "Hello"]
    told = json.loads(Cli(deployment.environment).run("send", *one, "--json").stdout)
    said = Cli(deployment.environment).run("send", *one).stdout
    first, second = received(deployment, 2)
    assert told == {"enqueued": 1, "refused": [], "message_id": first["message_id"]}
    assert f"Enqueued message {second['message_id']} on {deployment.queue('ingress')}." in said
    assert first["message_id"] != second["message_id"]


REFUSED = [
    pytest.param(["--product", "MMS"], "media_urls", id="MMS without media"),
    pytest.param(["--expires-at", "tomorrow"], "expires_at", id="a time that is none"),
    pytest.param(["--country", "Austria"], "country", id="a country by name"),
]


@pytest.mark.parametrize(("options", "field"), REFUSED)
def test_it_refuses_one_message_by_field(options: list[str], field: str, tmp_path: Path) -> None:
    one = ["--account", "acme", "--to", "+61491570156", "--body", "Hello", "--message-id", "m1"]
    done = embedded_cli(tmp_path).run("send", *one, *options, "--json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["enqueued"], [entry["field"] for entry in told["refused"]]) == (1, 0, [field])
    assert f"line 1, {field}: " in done.stderr
    assert "smart-assign: 1 message refused" in done.stderr


USAGE = [
    pytest.param(["--to", "+61491570156", "--body", "x"], "--account", id="no account"),
    pytest.param(["--file", "-", "--body", "x"], "--file", id="a file and a body"),
    pytest.param(["--file", "/no/such/file"], "No such file", id="no such file"),
    pytest.param(["--account", "a", "--to", "1", "--body", "x", "--product", "FAX"], "FAX", id="no such product"),
]


@pytest.mark.parametrize(("options", "said"), USAGE)
def test_it_calls_wrong_usage_by_name(options: list[str], said: str, tmp_path: Path) -> None:
    done = embedded_cli(tmp_path).run("send", *options)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr


def test_it_sends_what_is_right_in_a_file_and_names_what_is_not(deployment: Deployment, tmp_path: Path) -> None:
    lines = [
        json.dumps(message(1)),
        "",
        '{"message_id": "broken"',
        json.dumps({"account_id": "acme", "to": "+61491570156", "body": "no id"}),
        json.dumps(message(5, body="x" * 1601)),
        json.dumps(message(6, body="y", filler="z" * 5000)),
        json.dumps(message(7, unknown={"kept": True})),
    ]
    file = tmp_path / "messages.jsonl"
    file.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    environment = deployment.environment | {"SMART_ASSIGN_DOCUMENT_MAX_BYTES": "4000"}
    done = Cli(environment).run("send", "--file", str(file), "--json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["enqueued"]) == (1, 2)
    found = [(entry["line"], entry["field"]) for entry in told["refused"]]
    assert found == [(3, "$"), (4, "message_id"), (5, "body"), (6, "$")]
    assert done.stderr.splitlines()[1:] == ["and 3 more", "smart-assign: 4 messages refused"]
    assert received(deployment, 2) == [message(1), message(7, unknown={"kept": True})]


def test_it_streams_a_file_from_stdin_in_order(deployment: Deployment) -> None:
    count = 2 * PIECE + 17
    text = "".join(json.dumps(message(number)) + "\n" for number in range(count))
    done = Cli(deployment.environment).run("send", "--file", "-", stdin=text)
    assert (done.exit_code, done.stdout) == (0, f"Enqueued {count:,} messages on {deployment.queue('ingress')}.\n")
    assert [each["message_id"] for each in received(deployment, count)] == [f"m{number}" for number in range(count)]


def test_it_takes_the_text_from_stdin_or_from_a_file(redis_url: str, tmp_path: Path) -> None:
    made = Deployment(redis_url, redis_url, f"sqlite:///{tmp_path}/unused.sqlite3")
    cli, one = Cli(made.environment), ["send", "--account", "acme", "--to", "+61491570156"]
    (tmp_path / "body").write_bytes("\ufeffGrüße\r\n\r\nA\r\n".encode())
    cli.done(*one, "--body", "-", stdin="Hello\n world\n")
    cli.done(*one, "--body-file", str(tmp_path / "body"))
    cli.done(*one, "--body-file", "-", stdin="Hi")
    assert [each["body"] for each in received(made, 3)] == ["Hello\n world", "Grüße\r\n\r\nA", "Hi"]


WRONG_BODIES = [
    (["--body", "x", "--body-file", "-"], b"y", "either --body or --body-file"),
    (["--body", "-"], b"\xff\xfe", "not UTF-8"),
    (["--body", "-", "--file", "-"], b"", "not both"),
]


@pytest.mark.parametrize(("options", "stdin", "said"), WRONG_BODIES, ids=lambda value: str(value)[:20])
def test_it_refuses_a_text_that_it_cannot_read(options: list[str], stdin: bytes, said: str, tmp_path: Path) -> None:
    one = ["send", "--account", "acme", "--to", "+61491570156"]
    assert said in embedded_cli(tmp_path).refused(*one, *options, stdin=stdin, exit_code=2)


def test_it_says_how_far_it_came_when_the_broker_is_away(tmp_path: Path) -> None:
    away = {"SMART_ASSIGN_DATA_DIR": str(tmp_path), "SMART_ASSIGN_BROKER_URL": "redis://127.0.0.1:1/0"}
    done = Cli(away).run("send", "--file", "-", stdin=json.dumps(message(1)))
    assert done.exit_code == 1
    assert "0 messages were enqueued before" in " ".join(done.stderr.split())


def test_it_shows_without_taking_and_takes_what_it_drains(deployment: Deployment) -> None:
    count = PIECE + 500
    put_dispatched(deployment, [message(number) for number in range(count)])
    every = [f"m{number}" for number in range(count)]
    cli = Cli(deployment.environment)
    assert ids(cli.run("dispatch", "tail", "--count", "3").stdout) == every[:3]
    assert ids(cli.run("dispatch", "tail", "--count", "3", "--drain").stdout) == every[:3]
    settled(deployment, count - 3)
    assert ids(cli.run("dispatch", "tail").stdout) == every[3:]
    settled(deployment, count - 3)
    drained = ids(cli.run("dispatch", "tail", "--drain").stdout)
    assert (drained if deployment.on_redis else sorted(drained, key=every.index)) == every[3:]
    settled(deployment, 0)
    assert cli.run("dispatch", "tail", "--drain").stdout == ""


def test_it_gives_back_what_nobody_read(deployment: Deployment) -> None:
    put_dispatched(deployment, [message(number, filler="x" * 500) for number in range(PIECE)])
    words = cli_command("dispatch", "tail", "--drain")
    with ended_at_last(subprocess.Popen(words, env=deployment.environment, stdout=subprocess.PIPE)) as drain:
        assert drain.stdout is not None
        assert drain.stdout.read(1)
        drain.stdout.close()
        assert drain.wait(30) == 1
    settled(deployment, PIECE)
    again = run_cli("dispatch", "tail", "--drain", environment=deployment.environment)
    every = [f"m{number}" for number in range(PIECE)]
    assert (ids(again.stdout) if deployment.on_redis else sorted(ids(again.stdout), key=every.index)) == every


@pytest.mark.redis
def test_it_finds_again_what_a_killed_drain_held(redis_url: str, tmp_path: Path) -> None:
    made = Deployment(redis_url, redis_url, f"sqlite:///{tmp_path}/unused.sqlite3")
    # Nobody reads the pipe, which holds 64 KB: the drain hangs with the piece in hand.
    put_dispatched(made, [message(number, filler="x" * 500) for number in range(PIECE)])
    drain = subprocess.Popen(cli_command("dispatch", "tail", "--drain"), env=made.environment, stdout=subprocess.PIPE)
    try:
        settled(made, 0)
        refused = run_cli("dispatch", "tail", "--drain", environment=made.environment)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert f"over in {HOLD_S} s" in " ".join(refused.stderr.split())
    finally:
        drain.kill()
        drain.communicate()
    forget_lock(redis_url)
    again = run_cli("dispatch", "tail", "--drain", environment=made.environment)
    assert ids(again.stdout) == [f"m{number}" for number in range(PIECE)]


def test_it_follows_until_it_is_interrupted(deployment: Deployment) -> None:
    put_dispatched(deployment, [message(1)])
    words = cli_command("dispatch", "tail", "--drain", "--follow")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with ended_at_last(subprocess.Popen(words, env=deployment.environment, text=True, **pipes)) as follow:
        assert follow.stdout is not None
        assert json.loads(follow.stdout.readline())["message_id"] == "m1"
        put_dispatched(deployment, [message(2)])
        assert json.loads(follow.stdout.readline())["message_id"] == "m2"
        settled(deployment, 0)
        follow.send_signal(signal.SIGINT)
        _, said = follow.communicate(timeout=15)
    assert follow.returncode == INTERRUPTED
    assert "Traceback" not in said
    assert re.search(r"interrupted: [12] messages were taken off the queue", " ".join(said.split()))


def received(deployment: Deployment, count: int) -> list[dict[str, Any]]:
    """What stands on the ingress queue, in the order of intake: bare documents on Redis, plain messages on RabbitMQ."""
    if deployment.on_redis:
        with redis.Redis.from_url(deployment.broker_url) as client:
            found: Any = client.rpop(deployment.queue("ingress"), count + 1)
        assert len(found) == count
        return [json.loads(document) for document in found]
    return [each.payload for each in receive(deployment, count, queue="ingress")]


def settled(deployment: Deployment, count: int) -> None:
    """What a closed connection held is back on the queue a moment later; a drain that was started takes its time."""
    deadline = time.monotonic() + 40
    while waiting(deployment, "dispatch") != count and time.monotonic() < deadline:
        time.sleep(0.05)
    assert waiting(deployment, "dispatch") == count


def forget_lock(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        (lock,) = client.scan_iter("smart-assign:drain-lock:*")
        client.delete(lock)
