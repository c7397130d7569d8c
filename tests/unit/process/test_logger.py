"""Logs that are set up with the first record."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
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
    program = PROGRAM.format("\n".join(statements))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
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
