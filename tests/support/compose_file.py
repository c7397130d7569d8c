"""docker-compose.yml as Compose reads it: anchors and merge keys resolved, variables put in; a container's environment."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
ENV_EXAMPLE = ROOT / "deploy" / "env.example"

_INNERMOST = re.compile(r"(?<!\$)\$\{(?P<name>[A-Z_]+)(?:(?P<operator>:-|:\?)(?P<word>[^${}]*))?\}")
_STRAY = re.compile(r"(?<!\$)\$(?!\$)")


class MissingVariableError(Exception):
    """A variable without which the file refuses to be used; the text is what the operator reads."""


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """Put variables in as Compose does: `${A}`, `${A:-other}`, `${A:?message}`, nested from the inside; `$$` is `$`."""
    while match := _INNERMOST.search(text):
        text = text[: match.start()] + _value(match, variables) + text[match.end() :]
    if _STRAY.search(text.replace("$$", "")):
        raise ValueError(f"a $ that Compose would read otherwise: {text}")
    return text.replace("$$", "$")


def _value(match: re.Match[str], variables: Mapping[str, str]) -> str:
    value = variables.get(match["name"], "")
    if not value and match["operator"] == ":?":
        raise MissingVariableError(f"{match['name']}: {match['word']}")
    return value or (match["word"] if match["operator"] == ":-" else "")


def interpolated(node: Any, variables: Mapping[str, str]) -> Any:
    """The same for all texts in a document; keys stay."""
    if isinstance(node, dict):
        return {key: interpolated(value, variables) for key, value in node.items()}
    if isinstance(node, list):
        return [interpolated(item, variables) for item in node]
    return interpolate(node, variables) if isinstance(node, str) else node


def compose(variables: Mapping[str, str]) -> dict[str, Any]:
    """The file with these variables. Raises MissingVariableError."""
    document: dict[str, Any] = interpolated(yaml.safe_load(COMPOSE.read_text()), variables)
    return document


def env_example(*, commented: bool) -> dict[str, str]:
    """The variables of deploy/env.example; with `commented`, those that it offers too."""
    lines = ENV_EXAMPLE.read_text().splitlines()
    wanted = [line.removeprefix("#") if commented else line for line in lines]
    pairs = (line.partition("=") for line in wanted if re.match(r"[A-Z_]+=", line))
    return {name: value for name, _, value in pairs}


@dataclass
class Stage:
    """One stage of a Dockerfile: what it starts from, and its instructions in order."""

    base: str
    name: str | None
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, instruction: str) -> list[str]:
        return [words for name, words in self.instructions if name == instruction]


def stages(text: str) -> list[Stage]:
    """The stages of a Dockerfile; comments gone, continued lines joined."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    found: list[Stage] = []
    for line in filter(None, lines.replace("\\\n", " ").splitlines()):
        instruction, _, words = line.partition(" ")
        if instruction == "FROM":
            base, _, name = words.partition(" AS ")
            found.append(Stage(base, name or None))
        else:
            found[-1].instructions.append((instruction, words.strip()))
    return found


def environment_of(stage: Stage) -> dict[str, str]:
    """What its ENV instructions set."""
    pairs = (word.partition("=") for line in stage.all("ENV") for word in shlex.split(line))
    return {name: value for name, _, value in pairs}
