"""The command line as people run it: `smart-assign` in a process of its own, with settings from the environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]


def cli_command(*words: str) -> list[str]:
    return [sys.executable, "-m", "worker.cli", *words]


def cli_environment(data_dir: Path, settings: Mapping[str, str] = {}) -> dict[str, str]:
    """Embedded mode under `data_dir` and no metrics, unless `settings` (full names of variables) say otherwise."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    ours = {"PYTHONPATH": str(ROOT), "SMART_ASSIGN_DATA_DIR": str(data_dir), "SMART_ASSIGN_METRICS_PORT": "0"}
    return kept | ours | dict(settings)


def run_cli(
    *words: str, environment: Mapping[str, str], stdin: str | bytes = b"", timeout: float = 100
) -> subprocess.CompletedProcess[str]:
    """Run to the end; stdout and stderr as text."""
    done = subprocess.run(
        cli_command(*words),
        env=dict(environment),
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        capture_output=True,
        timeout=timeout,
        check=False,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())
