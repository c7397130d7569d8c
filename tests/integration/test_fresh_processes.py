"""What only a process of its own shows: what is loaded and when, Ctrl-C while it is, and that no two processes differ."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from core.engine.decision import PoolMember
from core.engine.spread import pick_sender, tickets_of
from tests.support.worlds import number, sample_decisions
from worker.cli.interrupts import INTERRUPTED

ROOT = Path(__file__).parents[2]


def ran(program: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The end of a program of its own, beside whose environment `environment` stands."""
    command, whole = [sys.executable, "-c", program, *words], os.environ | environment
    return subprocess.run(command, cwd=ROOT, env=whole, capture_output=True, text=True, timeout=60, check=False)


def printed(program: str, *words: str, **environment: str) -> str:
    """What one printed that came to a good end and said nothing on stderr."""
    done = ran(program, *words, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


#: What --help, --version and completion need not load: each of these costs more than all that they need.
NOT_LOADED = ("celery", "kombu", "pydantic", "redis", "rich", "sqlalchemy", "structlog", "worker.settings")
#: The same of commands that a person waits for, and of what they load to begin with.
_NEVER = ("alembic", "celery", "fastapi", "rich", "structlog", "uvicorn")
_ON_QUEUES = (*_NEVER, "core.rules", "core.phone", "kombu", "phonenumbers", "sqlalchemy")
_ON_SQL = (
    *_NEVER,
    "amqp",
    "core.file_lines",
    "core.rules.files",
    "kombu",
    "psycopg",
    "redis",
    "sqlalchemy.orm",
    "worker.handoff",
)
LIGHT = {
    "send": _ON_QUEUES,
    "dispatch tail": _ON_QUEUES,
    "campaign status": _ON_QUEUES,
    "rules show": (*_ON_SQL, "core.phone", "phonenumbers"),
    "rules list": (*_ON_SQL, "core.phone", "phonenumbers"),
    "explain": _ON_SQL,
    "senders list": _ON_SQL,
}
LOADED = """
import sys
from worker.cli.commands import smart_assign
try:
    smart_assign(sys.argv[1:], prog_name="smart-assign")
finally:
    print("loaded:", *sys.modules)
"""


def loaded_for(*words: str) -> list[str]:
    """The modules that a command line loads."""
    return ran(LOADED, *words).stdout.rpartition("loaded: ")[2].split()


@pytest.mark.parametrize(
    "words", [["--help"], ["campaign", "--help"], ["accounts", "key", "-h"], ["--version"], ["nonsense"]], ids=str
)
def test_it_loads_no_command_for_help(words: list[str]) -> None:
    loaded = loaded_for(*words)
    assert "worker.cli.lazy" in loaded
    assert not {name for name in loaded if name.startswith(NOT_LOADED)}


@pytest.mark.parametrize(("words", "heavy"), LIGHT.items())
def test_it_loads_for_a_command_only_what_it_needs(words: str, heavy: tuple[str, ...]) -> None:
    loaded = loaded_for(*words.split(), "--help")
    assert "worker.settings" in loaded
    assert not {name for name in loaded if name in heavy or name.startswith(tuple(f"{each}." for each in heavy))}


@pytest.mark.parametrize("module", ["core.phone", "core.messages.assigner"])
def test_it_reads_the_table_at_the_first_number_not_at_import(module: str) -> None:
    assert printed(f"import {module}, core.phone.prefixes as p; print(p.table.cache_info().misses)") == "0\n"


#: The program, which presses Ctrl-C itself as soon as the module of its first argument is looked for.
PRESSING = """
import signal, sys
awaited = sys.argv.pop(1)
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == awaited:
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Finder())
from worker.cli import main
main()
"""


@pytest.mark.parametrize("module", ["worker.cli.commands", "click", "worker.cli.send", "worker.settings"])
def test_it_ends_while_it_is_loaded(module: str) -> None:
    done = ran(PRESSING, module, "send", "--account", "a", "--to", "+61491570156", "--body", "x")
    assert (done.returncode, done.stdout, done.stderr.strip()) == (INTERRUPTED, "", "smart-assign: interrupted")


def test_it_is_ignored_where_whoever_started_it_says_so() -> None:
    ignoring = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n{PRESSING}"
    assert printed(ignoring, "click", "--help").startswith("Usage: ")


FINALIZING = """
import gc, signal, time
from worker.cli.interrupts import end_at_once_when_interrupted
from worker.cli.output import command
class Pressing:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)
@command
def body():
    Pressing()
    time.sleep(60)
end_at_once_when_interrupted()
body()
"""


def test_it_is_not_lost_in_a_finalizer() -> None:
    done = ran(FINALIZING)
    assert (done.returncode, done.stderr) == (INTERRUPTED, "smart-assign: interrupted\n")


LOGGING = """
import logging, sys
from core.process.logger import Logger, set_up_now, set_up_when_logged
from core.process.loading import load
from core.process.log_choices import LogFormat, LogLevel
def set_up():
    load("core.process.logs:send_logs_to_stderr")(LogFormat.JSON, LogLevel.WARNING)
set_up_when_logged("WARNING", set_up)
log = Logger("ours")
logging.getLogger("quiet").info("not said")
assert "structlog" not in sys.modules
{}
"""


def said(*statements: str) -> str:
    """What a program with these statements logs."""
    done = ran(LOGGING.format("\n".join(statements)))
    assert (done.returncode, done.stdout) == (0, ""), done
    return done.stderr


def test_it_loads_nothing_where_nothing_is_said() -> None:
    assert said() == ""


def test_a_record_of_the_standard_library_sets_it_up_and_is_not_lost() -> None:
    lines = said('logging.getLogger("first").warning("one")', 'logging.getLogger("second").error("two")').splitlines()
    assert [('"event": "one"' in line, '"event": "two"' in line) for line in lines] == [(True, False), (False, True)]


def test_a_record_of_ours_sets_it_up() -> None:
    assert '"event": "waits", "level": "warning"' in said('log.warning("waits", after_s=1)')


def test_it_is_set_up_for_who_uses_structlog_itself() -> None:
    assert '"event": "moved"' in said("set_up_now()", "import structlog", 'structlog.get_logger().warning("moved")')


#: A claim's envelopes, made and freed again; prints the page faults of a claim.
CLAIMS = """
import resource
from core.process.garbage import keep_buffers
assert keep_buffers()
def claim():
    envelopes = [bytes(1400) for _ in range(1000)]
    return b"".join(envelopes)[:1]
claim()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    claim()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // 20)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives memory back at once")
def test_it_takes_no_memory_from_the_system_for_every_claim() -> None:
    assert int(printed(CLAIMS)) < 50


HASH_SEEDS = """
import json, sys
from core.engine.decision import PoolMember
from core.sender import Sender, SenderType
from core.engine.spread import tickets_of, pick_sender

ids, recipients = json.loads(sys.argv[1])
pool = [PoolMember(Sender("acme", each, SenderType.LONGCODE, "AU"), 1.0) for each in ids]
print(json.dumps([ids[pick_sender(recipient, tickets_of(pool))] for recipient in recipients]))
"""


PRINT_IDS = "from tests.support.worlds import sample_decisions; print(*[d.decision_id for d in sample_decisions()])"


@pytest.mark.parametrize("seed", ["0", "4711"])
def test_it_decides_alike_in_every_process(seed: str) -> None:
    ids, recipients = [f"+6149157{n:04d}" for n in range(7)], [f"+61{n * 7919:09d}" for n in range(500)]
    tickets = tickets_of([PoolMember(number(each), 1.0) for each in ids])
    expected = [ids[pick_sender(recipient, tickets)] for recipient in recipients]
    assert json.loads(printed(HASH_SEEDS, json.dumps([ids, recipients]), PYTHONHASHSEED=seed)) == expected
    named = printed(PRINT_IDS, PYTHONHASHSEED=seed).split()
    assert named == [decision.decision_id for decision in sample_decisions()]
