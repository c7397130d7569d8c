"""The command line, `smart-assign`: one file for each group of commands."""

from worker.cli.interrupts import end_at_once_when_interrupted
from worker.cli.loading import load


def main() -> None:
    """The program. Until a command begins it is only loaded, and Ctrl-C ends it at once."""
    end_at_once_when_interrupted()
    load("worker.cli.commands:smart_assign")(prog_name="smart-assign")
