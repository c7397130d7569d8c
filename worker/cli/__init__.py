"""The command line, `smart-assign`: one file for each group of commands."""

from core.process.garbage import collect_seldom
from core.process.loading import load
from worker.cli.interrupts import end_at_once_when_interrupted


def main() -> None:
    """The program. Until a command begins it is only loaded, and Ctrl-C ends it at once."""
    end_at_once_when_interrupted()
    collect_seldom()
    load("worker.cli.commands:smart_assign")(prog_name="smart-assign")
