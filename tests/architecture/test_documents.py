"""Documents for developers name files that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
#: A path within the repository, whole or below one of its packages: `core/phone`, `worker/handoff/lua/claim.lua`.
PATH = re.compile(r"`((?:core|worker|api|tests|deploy|benchmarks|docs)(?:/[\w.-]+)+/?)`")
LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_it_names_files_that_exist(document: Path) -> None:
    missing = [name for name in PATH.findall(document.read_text()) if not (ROOT / name).exists()]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_it_links_to_files_that_exist(document: Path) -> None:
    missing = [name for name in LINK.findall(document.read_text()) if not (document.parent / name).exists()]
    assert missing == []
