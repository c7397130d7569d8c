"""Start-up: CPU that one command takes from its first instruction to its end, on services that run."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.figures import Spread, rounded, spread
from benchmarks.findings import Findings, Table
from benchmarks.options import Options
from benchmarks.process import ROOT, MeasurementError
from benchmarks.services import Services
from worker.demo.sample import INVENTORY_FILE

RUNS = 10
QUICK_RUNS = 5
#: A new shell asks for the names of commands in this way.
_COMPLETION = {"_SMART_ASSIGN_COMPLETE": "bash_complete", "COMP_WORDS": "smart-assign se", "COMP_CWORD": "1"}
_TO = ("--account", "bluebird-bank", "--to", "+4915123456789")
#: Name of the fact -> words.
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "help": ("--help",),
    "version": ("--version",),
    "completion": (),
    "send": ("send", *_TO, "--body", "Hello"),
    "dispatch": ("dispatch", "tail"),
    "status": ("campaign", "status", "none"),
    "rules-show": ("rules", "show", "AU"),
    "explain": ("explain", *_TO),
    "senders-list": ("senders", "list", "--account", "bluebird-bank"),
    "rules-list": ("rules", "list"),
}


def measure(services: Services, options: Options) -> Findings:
    """Every command in turn, round by round; median, lowest and highest of user and system seconds."""
    runs = QUICK_RUNS if options.quick else RUNS
    with tempfile.TemporaryDirectory(prefix="sa-bench-") as folder:
        environment = _environment(services, Path(folder))
        for words in (("db", "upgrade"), ("inventory", "import", str(INVENTORY_FILE))):
            _cpu(words, environment)
        seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
        for number in range(runs + 1):
            for name, words in COMMANDS.items():
                more = _COMPLETION if name == "completion" else {}
                taken = _cpu(words, environment | more, {0, 1} if name in {"status", "completion"} else {0})
                if number:  # the first round writes the bytecode
                    seconds[name].append(taken)
    facts = {f"startup/{name}": spread(each) for name, each in seconds.items()}
    rows = [_row(name, facts[f"startup/{name}"]) for name in COMMANDS]
    note = (
        f"CPU of the command's process, of {runs} runs. The median is what a command takes beside the others that run; the "
        "lowest is the nearest to a core of its own. The database is SQLite, broker and cache are one Redis."
    )
    return Findings(
        [Table("Start-up of commands", ("command", "median, s", "lowest, s", "highest, s"), rows, note)], facts
    )


def _row(name: str, measured: Spread) -> list[str]:
    words = " ".join(COMMANDS[name]) or "completion of a name"
    return [f"`{words}`", rounded(measured.median), rounded(measured.low), rounded(measured.high)]


def _environment(services: Services, folder: Path) -> dict[str, str]:
    url = services.redis.url
    ours = {
        "BROKER_URL": url,
        "REDIS_URL": url,
        "DATABASE_URL": f"sqlite:///{folder}/bench.sqlite3",
        "DATA_DIR": str(folder),
    }
    # Kept bytecode, as an installed program has it: without, the compiler would be measured.
    kept = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": f"{folder}/bytecode"}
    return {**services.environment, **kept, **{f"SMART_ASSIGN_{name}": text for name, text in ours.items()}}


def _cpu(words: Sequence[str], environment: Mapping[str, str], codes: set[int] = {0}) -> float:  # noqa: B006  # only read
    """User and system seconds of one command, its children left out. Raises MeasurementError where it fails."""
    command = [sys.executable, "-m", "worker.cli", *words]
    process = subprocess.Popen(
        command,
        env=dict(environment),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    said = process.stderr.read()
    process.stderr.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in codes:
        raise MeasurementError(f"`{' '.join(words)}` ended with {process.returncode}: {said.decode(errors='replace')}")
    return usage.ru_utime + usage.ru_stime
