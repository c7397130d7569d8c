"""The supervisor with real processes: small Pythons that say what they do."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.services import free_port, wait_for
from worker.supervision.role import Role, describe_exit, port_answers
from worker.supervision.supervisor import Limits, Supervisor

ROOT = Path(__file__).parents[2]
QUICK = Limits(ready_s=10, grace_s=10, restarts=2, backoff_s=0.05, backoff_limit_s=0.1)
FOR_EVER = "print('up'); import signal; signal.pause()"
OBEDIENT = """
    import signal, sys
    def end(*_):
        print("asked to end")
        sys.exit(0)
    signal.signal(signal.SIGTERM, end)
    print("up")
    signal.pause()
"""
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); time.sleep(60)"


def role(name: str, text: str, *words: str, ready_text: str | None = "up") -> Role:
    return Role(name, (sys.executable, "-S", "-c", textwrap.dedent(text), *words), ready_text=ready_text)


def interrupt_after(names: set[str], number: signal.Signals = signal.SIGINT) -> Callable[[str], None]:
    """Sends this process the signal once all these roles are ready."""
    left = set(names)

    def hear(name: str) -> None:
        left.remove(name)
        if not left:
            os.kill(os.getpid(), number)

    return hear


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_prefixes_lines_and_ends_in_order(number: signal.Signals) -> None:
    output = io.StringIO()
    roles = [role("worker", OBEDIENT), role("api", OBEDIENT)]
    assert Supervisor(roles, output, on_ready=interrupt_after({"worker", "api"}, number), limits=QUICK).run() == 0
    lines = output.getvalue().splitlines()
    assert sorted(lines[:2]) == ["api    | up", "worker | up"]
    assert lines[2:] == ["api    | asked to end", "worker | asked to end"]


def test_it_restores_the_signal_handlers() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    Supervisor([role("worker", OBEDIENT)], io.StringIO(), on_ready=interrupt_after({"worker"}), limits=QUICK).run()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_it_kills_a_role_that_does_not_end_and_says_so() -> None:
    output = io.StringIO()
    limits = Limits(ready_s=10, grace_s=0.3)
    assert (
        Supervisor([role("worker", STUBBORN)], output, on_ready=interrupt_after({"worker"}), limits=limits).run() == 1
    )
    assert "[worker did not end in time, killed]" in output.getvalue()


def test_it_hurries_at_the_second_signal() -> None:
    class Terminal(io.StringIO):
        """Sends the second signal when it is told of the first."""

        def write(self, text: str) -> int:
            if "asked" in text:
                os.kill(os.getpid(), signal.SIGINT)
            return super().write(text)

    text = """
        import signal, time
        signal.signal(signal.SIGTERM, lambda *_: print("asked", flush=True))
        print("up")
        while True:
            time.sleep(1)
    """
    began = time.monotonic()
    assert (
        Supervisor(
            [role("worker", text)], Terminal(), on_ready=interrupt_after({"worker"}), limits=Limits(grace_s=60)
        ).run()
        == 1
    )
    assert time.monotonic() - began < 20


def test_it_starts_a_role_again(tmp_path: Path) -> None:
    text = """
        import os, signal, sys
        try:
            os.mkdir(sys.argv[1])
        except FileExistsError:
            print("up again")
            signal.pause()
        os.kill(os.getpid(), signal.SIGKILL)
    """
    output = io.StringIO()
    roles = [role("worker", text, str(tmp_path / "was-here"), ready_text="again")]
    Supervisor(roles, output, on_ready=interrupt_after({"worker"}), limits=QUICK).run()
    assert output.getvalue().splitlines() == [
        "worker | [worker ended unexpectedly (SIGKILL), starting it again in 0.05 s]",
        "worker | up again",
    ]


def test_it_gives_up_and_ends_the_others() -> None:
    output = io.StringIO()
    roles = [role("worker", OBEDIENT), role("api", "print('last words'); raise SystemExit(3)")]
    assert Supervisor(roles, output, limits=QUICK).run() == 1
    said = output.getvalue()
    assert said.count("last words") == 3
    assert "[api ended unexpectedly (exit code 3) 3 times, giving up]" in said
    assert said.splitlines()[-1] == "worker | asked to end"


def test_it_watches_over_what_the_roles_stand_on() -> None:
    turns: list[float] = []

    def watch() -> None:
        turns.append(time.monotonic())
        if len(turns) == 3:
            os.kill(os.getpid(), signal.SIGINT)

    assert Supervisor([role("worker", OBEDIENT)], io.StringIO(), watch=watch, limits=QUICK).run() == 0
    assert len(turns) == 3


def test_it_ends_the_roles_when_watching_fails() -> None:
    def watch() -> None:
        raise OSError("no space left")

    output = io.StringIO()
    with pytest.raises(OSError, match="no space left"):
        Supervisor([role("worker", "import time; time.sleep(60)")], output, watch=watch, limits=QUICK).run()


def test_it_fails_when_a_role_is_not_ready_in_time() -> None:
    output = io.StringIO()
    limits = Limits(ready_s=0.3)
    assert Supervisor([role("api", OBEDIENT, ready_text="never said")], output, limits=limits).run() == 1
    assert "[api not ready after 0 s]" in output.getvalue()


def test_it_fails_when_a_command_is_missing() -> None:
    output = io.StringIO()
    roles = [role("worker", OBEDIENT), Role("api", ("/does/not/exist",))]
    assert Supervisor(roles, output, limits=QUICK).run() == 1
    assert "[api cannot be started: " in output.getvalue()


def test_it_asks_a_port_whether_a_role_is_ready() -> None:
    port = free_port()
    serve = (sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port))
    ready = port_answers("127.0.0.1", port)
    assert not ready()
    assert (
        Supervisor(
            [Role("api", serve, is_ready=ready)], io.StringIO(), on_ready=interrupt_after({"api"}), limits=QUICK
        ).run()
        == 0
    )


def test_it_prints_long_and_broken_lines() -> None:
    text = """
        import sys, time
        sys.stdout.buffer.write(b"a" * 200_000 + b"\\n\\xff\\r\\nup\\nno end of line")
        sys.stdout.buffer.flush()
        time.sleep(60)
    """
    output = io.StringIO()
    Supervisor([role("worker", text)], output, on_ready=interrupt_after({"worker"}), limits=QUICK).run()
    lines = [line.removeprefix("worker | ") for line in output.getvalue().splitlines()]
    assert "".join(lines).startswith("a" * 200_000 + "\N{REPLACEMENT CHARACTER}up")
    assert lines[-1] == "no end of line"


def test_it_goes_on_ending_when_the_terminal_has_gone() -> None:
    class GoneTerminal(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError("input/output error")

    assert (
        Supervisor([role("worker", OBEDIENT)], GoneTerminal(), on_ready=interrupt_after({"worker"}), limits=QUICK).run()
        == 0
    )


def test_it_colours_the_names_on_a_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    output = Terminal()
    Supervisor([role("worker", OBEDIENT)], output, on_ready=interrupt_after({"worker"}), limits=QUICK).run()
    assert output.getvalue().startswith("\x1b[36mworker | \x1b[0mup\n")


def test_it_leaves_nothing_of_a_roles_own_processes() -> None:
    text = """
        import os, signal
        child = os.fork()
        if not child:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            while True:
                signal.pause()
        print(child, "up")
        signal.pause()
    """
    output = io.StringIO()
    Supervisor([role("worker", text)], output, on_ready=interrupt_after({"worker"}), limits=QUICK).run()
    left = int(output.getvalue().split()[2])
    wait_for(lambda: not is_running(left), 5, "the end of the role's child")


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_its_roles_end_when_it_is_killed() -> None:
    text = f"""
        import sys
        from worker.supervision.role import Role
        from worker.supervision.supervisor import Supervisor
        Supervisor([Role("worker", (sys.executable, "-S", "-c", "import os; print(os.getpid()); {FOR_EVER}"))], sys.stdout).run()
    """
    command = [sys.executable, "-c", textwrap.dedent(text)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        child = int(supervisor.stdout.readline().split("|")[1])
        supervisor.kill()
        supervisor.wait()
    wait_for(lambda: not is_running(child), 5, "the end of the role")


def test_a_role_ends_with_its_supervisor_where_the_kernel_does_not_help() -> None:
    text = """
        import os, signal, sys
        import worker.supervision.role
        worker.supervision.role._LIBC = None
        worker.supervision.role.PARENT_POLL_S = 0.05
        os.environ["SMART_ASSIGN_SUPERVISOR_PID"] = str(os.getpid())
        if child := os.fork():
            print(child, flush=True)
            os._exit(0)
        worker.supervision.role.end_with_supervisor()
        signal.pause()
    """
    command = [sys.executable, "-c", textwrap.dedent(text)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
    wait_for(lambda: not is_running(child), 5, "the end of the child")


@pytest.mark.parametrize(("code", "words"), [(0, "exit code 0"), (3, "exit code 3"), (-9, "SIGKILL")])
def test_it_puts_an_exit_in_words(code: int, words: str) -> None:
    assert describe_exit(code) == words


@pytest.mark.parametrize(("failures", "pause"), [(1, 0.5), (2, 1.0), (5, 8.0), (6, 10.0), (60, 10.0)])
def test_it_waits_longer_after_each_failure(failures: int, pause: float) -> None:
    assert Limits().pause(failures) == pause


def is_running(pid: int) -> bool:
    """Alive, and not a zombie that nobody has asked after."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
