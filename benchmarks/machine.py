"""Where and when it was measured."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psycopg

from benchmarks.process import ROOT
from benchmarks.services import Services

LIBRARIES = (
    "celery",
    "kombu",
    "redis",
    "hiredis",
    "amqp",
    "msgspec",
    "sqlalchemy",
    "dramatiq",
    "taskiq",
    "taskiq-redis",
)


def describe(services: Services, command: Sequence[str]) -> Mapping[str, str]:
    """Machine, software, revision and command, as they are at the start."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "revision": _revision(),
        "command": f"`{shlex.join(command)}`",
        "processor": f"{os.cpu_count()} cores, {_processor()}",
        "load before the start (1, 5, 15 minutes)": load,
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "Redis": str(services.client.info("server")["redis_version"]),
        "RabbitMQ": services.rabbitmq.version if services.rabbitmq else "not there",
        "PostgreSQL": _postgres(services.postgres_url),
        "libraries": ", ".join(f"{name} {version(name)}" for name in LIBRARIES),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _revision() -> str:
    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
        return done.stdout.strip()

    try:
        return git("rev-parse", "--short=12", "HEAD") + (
            " with changes" if git("status", "--porcelain", "-uno") else ""
        )
    except OSError:
        return "not known"


def _postgres(url: str | None) -> str:
    if url is None:
        return "not there"
    with psycopg.connect(url) as connection:
        return str(connection.info.parameter_status("server_version"))
