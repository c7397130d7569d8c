"""Ctrl-C at every moment of a program's life: exit code 130, a sentence, no trace."""

from __future__ import annotations

import signal
from collections.abc import Callable

import click
import pytest
from click.testing import CliRunner

from worker.cli.interrupts import INTERRUPTED, telling, whole
from worker.cli.output import command


def press() -> None:
    signal.raise_signal(signal.SIGINT)


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
