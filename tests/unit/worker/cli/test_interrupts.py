"""Ctrl-C at every moment of a program's life: exit code 130, a sentence, no trace."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable

import click
import pytest
from click.testing import CliRunner

from worker.cli.interrupts import INTERRUPTED, telling, whole
from worker.cli.output import command

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


def press() -> None:
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("module", ["worker.cli.commands", "click", "worker.cli.send", "worker.settings"])
def test_it_ends_while_it_is_loaded(module: str) -> None:
    words = [sys.executable, "-c", PRESSING, module, "send", "--account", "a", "--to", "+61491570156", "--body", "x"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr.strip()) == (INTERRUPTED, "", "smart-assign: interrupted")


def test_it_is_ignored_where_whoever_started_it_says_so() -> None:
    ignoring = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n{PRESSING}"
    words = [sys.executable, "-c", ignoring, "click", "--help"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def run(body: Callable[[], None]) -> tuple[int, str]:
    result = CliRunner().invoke(click.command()(command(body)))
    return result.exit_code, result.stderr


def test_a_command_says_what_was_done() -> None:
    done = []

    def body() -> None:
        with telling(lambda: f"{len(done)} of 3 are done"):
            for number in range(3):
                with whole():
                    if number == 1:
                        press()
                    done.append(number)

    assert run(body) == (INTERRUPTED, "smart-assign: interrupted: 2 of 3 are done\n")


def test_a_second_one_does_not_wait_for_the_end_of_a_step() -> None:
    reached = []

    def body() -> None:
        with whole():
            press()
            reached.append("the second")
            press()
            reached.append("the end")

    assert run(body) == (INTERRUPTED, "smart-assign: interrupted\n")
    assert reached == ["the second"]


def test_it_is_not_lost_in_a_finalizer() -> None:
    program = """
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
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (INTERRUPTED, "smart-assign: interrupted\n")


def test_a_step_that_fails_says_why_it_failed() -> None:
    def body() -> None:
        with whole():
            press()
            raise ConnectionRefusedError(111, "Connection refused")

    assert run(body) == (1, "smart-assign: the broker or Redis cannot be reached: Connection refused\n")


def test_ctrl_c_at_a_question_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def pressed(_prompt: str) -> str:
        press()
        return "y"

    def body() -> None:
        monkeypatch.setattr("click.termui.visible_prompt_func", pressed)
        click.confirm("Drop them?", abort=True)

    assert run(body) == (INTERRUPTED, "smart-assign: interrupted\n")
