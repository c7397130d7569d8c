"""docs/threat-model.md names for each promise a test, and each of these tests exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
PROMISES = [
    [cell.strip() for cell in row.strip("| ").split(" | ")]
    for row in re.findall(r"(?m)^\| .+ \|$", PAGE.partition("## What is promised")[2].partition("## What is out")[0])
    if not row.startswith(("| promise ", "| --- "))
]
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


@cache
def defined_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def test_it_promises_something() -> None:
    assert len(PROMISES) > 20


@pytest.mark.parametrize(("promise", "held_by"), PROMISES, ids=[promise[:60] for promise, *_ in PROMISES])
def test_each_promise_names_tests_that_exist(promise: str, held_by: str) -> None:
    named = TEST.findall(held_by)
    assert named, promise
    assert [
        f"{path}::{name}" for path, name in named if not (ROOT / path).exists() or name not in defined_in(path)
    ] == []


def test_it_names_defined_in_no_other_form() -> None:
    assert len(re.findall(r"::test_", PAGE)) == len(TEST.findall(PAGE))
