"""What the layout promises, read from the sources."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("core", "worker", "api")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TESTED_TREES = (*PACKAGES, "tests", "benchmarks", "deploy")
ALL_SOURCES = sorted(path for tree in TESTED_TREES for path in (ROOT / tree).rglob("*.py"))

NAMES_THAT_SAY_NOTHING = {"util", "utils", "helper", "helpers", "common", "manager", "managers", "misc", "base"}
LONGEST_FUNCTION = 50
#: Celery asks for a module that holds the application; it alone builds one.
BUILDS_THE_APPLICATION = "worker.celery"
#: A command is loaded when it is called, by the place that the table of commands names.
LOADS_BY_NAME = {"core/process/loading.py"}
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
IMPORTS_WITHOUT_SERVICES = """
import importlib, pathlib, socket, sys

def refuse(*_):
    raise SystemExit("it opens a connection at import")

socket.socket.connect = socket.socket.connect_ex = socket.socket.bind = refuse
for name in sys.argv[2:]:
    importlib.import_module(name)
state = sys.modules.get("celery._state")
if state is not None and state._get_active_apps():
    raise SystemExit("it builds a Celery application at import")
written = list(pathlib.Path().iterdir())
if written:
    raise SystemExit(f"it writes at import: {written}")
"""


def modules() -> Iterator[str]:
    """Names of all modules but those that run at import: `__main__`, and migrations, which Alembic loads."""
    for path in SOURCES:
        parts = path.relative_to(ROOT).with_suffix("").parts
        if "migrations" not in parts and parts[-1] != "__main__":
            yield ".".join(parts).removesuffix(".__init__")


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_it_imports_every_module_with_no_service_no_environment_and_no_application(tmp_path: Path) -> None:
    names = [name for name in modules() if name != BUILDS_THE_APPLICATION]
    command = [sys.executable, "-W", "error::ResourceWarning", "-c", IMPORTS_WITHOUT_SERVICES, "--", *names]
    bare = {"PATH": "/nonexistent", "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=bare, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", ALL_SOURCES, ids=relative)
def test_it_has_no_import_inside_a_function(path: Path) -> None:
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, FUNCTION)]
    inside = [node.lineno for function in functions for node in ast.walk(function) if is_import(node)]
    assert inside == []


def is_import(node: ast.AST) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


def test_it_loads_by_name_only_the_commands_of_the_table() -> None:
    loading = {
        relative(path) for path in SOURCES if re.search(r"import_module|__import__|LazyLoader", path.read_text())
    }
    assert loading == LOADS_BY_NAME


def test_it_names_its_files_by_what_they_hold() -> None:
    assert [relative(path) for path in ALL_SOURCES if path.stem in NAMES_THAT_SAY_NOTHING] == []


def test_it_has_no_module_that_hides_one_of_pythons() -> None:
    hiding = [path for path in SOURCES if path.stem in sys.stdlib_module_names and path.stem != "__main__"]
    assert [relative(path) for path in hiding] == []


def test_it_has_no_long_function() -> None:
    long = [
        f"{relative(path)}:{node.lineno} {node.name}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, FUNCTION) and (node.end_lineno or 0) - node.lineno >= LONGEST_FUNCTION
    ]
    assert long == []


def test_it_keeps_its_layers() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
