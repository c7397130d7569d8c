"""The settings in use are shown without a secret."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from worker.cli.commands import smart_assign
from worker.cli.config import without_secrets
from worker.settings import ENV_PREFIX, Settings


def shown(*words: str, **environment: str) -> str:
    done = CliRunner(env={f"{ENV_PREFIX}{name}": value for name, value in environment.items()}).invoke(
        smart_assign, ["config", "show", *words]
    )
    assert done.exit_code == 0, done.output
    return done.output


def as_document(*words: str, **environment: str) -> dict[str, Any]:
    return dict(json.loads(shown(*words, "--json", **environment))["settings"])


def test_it_shows_every_setting_and_where_it_comes_from() -> None:
    found = as_document(CONCURRENCY="7")
    assert set(found) == {f"{ENV_PREFIX}{field.upper()}" for field in Settings.model_fields}
    assert found["SMART_ASSIGN_CONCURRENCY"] == {"value": 7, "set": True}
    assert found["SMART_ASSIGN_INGRESS_QUEUE"] == {"value": "smart-assign.ingress", "set": False}


def test_it_shows_what_is_named_or_set() -> None:
    assert set(as_document("metrics_port", "SMART_ASSIGN_METRICS_HOST")) == {
        "SMART_ASSIGN_METRICS_PORT",
        "SMART_ASSIGN_METRICS_HOST",
    }
    assert set(as_document("--set", "concurrency", CONCURRENCY="7")) == {"SMART_ASSIGN_CONCURRENCY"}


SECRETS = {
    "BROKER_URL": "amqp://user:geheim@a//;amqp://user:geheim@b//",
    "REDIS_URL": "redis://:geheim@redis:6379/0",
    "DATABASE_URL": "postgresql://user:geheim@one,two/db",
    "FLOWER_BASIC_AUTH": "operator:geheim",
}


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_it_shows_no_secret(words: tuple[str, ...]) -> None:
    text = shown(*words, **SECRETS)
    assert "geheim" not in text
    assert "operator:***" in text


def test_it_masks_passwords_wherever_they_stand() -> None:
    options = {"sentinels": [{"password": "geheim"}, "redis://:geheim@a"], "sep": ":"}
    assert "geheim" not in str(without_secrets("broker_transport_options", options))
