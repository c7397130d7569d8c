"""Of the processes of a worker one at a time has the turn for what is large, and one that is killed lets it go."""

from __future__ import annotations

import os
import signal
from multiprocessing import get_context

from worker.handoff.large_work import LargeWork

FORK = get_context("fork")


def test_the_others_wait_until_it_is_given_back_or_its_process_ends() -> None:
    turn = LargeWork()
    turn.prepare()
    has, go_on, after = FORK.Event(), FORK.Event(), FORK.Event()

    def first() -> None:
        turn.take()
        turn.take()  # whoever has it goes on
        has.set()
        go_on.wait(20)
        os.kill(os.getpid(), signal.SIGKILL)

    def second() -> None:
        turn.take()
        after.set()
        turn.give_back()
        turn.give_back()

    processes = [FORK.Process(target=each) for each in (first, second)]
    processes[0].start()
    assert has.wait(20)
    processes[1].start()
    assert not after.wait(0.2)
    go_on.set()
    assert after.wait(20)
    for each in processes:
        each.join(20)
    assert [each.exitcode for each in processes] == [-signal.SIGKILL, 0]
    turn.take()
    turn.give_back()
