"""The command line, `smart-assign`: one file for each group of commands."""

from worker.cli.main import main

__all__ = ["main"]
