"""Shells take what completes commands for them."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from click.testing import CliRunner

from worker.cli.commands import smart_assign


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_it_prints_a_script_for_the_shell(shell: str) -> None:
    done = CliRunner().invoke(smart_assign, ["completion", shell])
    assert done.exit_code == 0
    assert f"_SMART_ASSIGN_COMPLETE={shell}_complete" in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_takes_it(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = CliRunner().invoke(smart_assign, ["completion", shell]).stdout
    done = subprocess.run([shell, "-n"], input=script, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
