"""`smart-assign config`: the settings in use, and where each comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from worker.addresses import masked
from worker.cli.output import command, json_option, print_json, print_table
from worker.settings import ENV_PREFIX, Settings

#: What stands for a secret.
HIDDEN = "***"


@click.command("show")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--set", "only_set", is_flag=True, help="Only what the environment sets.")
@json_option
@command
def show(names: tuple[str, ...], only_set: bool, as_json: bool) -> None:
    """Show the settings that a role started here would have, secrets masked; NAME is a part of a setting's name."""
    settings = Settings()
    wanted = [name.upper().removeprefix(ENV_PREFIX) for name in names]
    found = [
        (name, value, name.lower() in settings.model_fields_set)
        for name, value in _values(settings)
        if not wanted or any(each in name for each in wanted)
    ]
    shown = [each for each in found if each[2] or not only_set]
    if as_json:
        print_json(
            {"settings": {f"{ENV_PREFIX}{name}": {"value": value, "set": is_set} for name, value, is_set in shown}}
        )
        return
    rows = [(name, _text(value), "environment" if is_set else "default") for name, value, is_set in shown]
    print_table(f"Each is a variable of the environment, after {ENV_PREFIX}", ("setting", "value", "from"), rows)


def _values(settings: Settings) -> Iterator[tuple[str, Any]]:
    for field in type(settings).model_fields:
        yield field.upper(), without_secrets(field, getattr(settings, field))


def without_secrets(name: str, value: object) -> Any:
    """A setting's value as JSON holds it, its passwords masked."""
    if isinstance(value, Mapping):
        return {str(key): without_secrets(str(key), each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets(name, each) for each in value]
    if isinstance(value, str | Path):
        return _without_secret(name, str(value))
    return value


def _without_secret(name: str, text: str) -> str:
    if "password" in name.lower():
        return HIDDEN
    if name.endswith("basic_auth"):
        return f"{text.partition(':')[0]}:{HIDDEN}"
    return masked(text) if "://" in text else text


def _text(value: object) -> object:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else value
