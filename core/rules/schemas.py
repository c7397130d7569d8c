"""The JSON schema of a line of a rule file: `python -m core.rules.schemas [FOLDER]` writes it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from core.contract.schemas import DIALECT, FOLDER
from core.rules.lines import AnyLine

FILE = "rule-file-line.json"


def schema_texts() -> dict[str, str]:
    """The schema by its file name."""
    return {FILE: json.dumps({"$schema": DIALECT} | AnyLine.json_schema(), indent=2) + "\n"}


def main(arguments: Sequence[str]) -> None:
    """Write the schema to the folder named, or to docs/schemas."""
    folder = Path(arguments[0]) if arguments else FOLDER
    for name, text in schema_texts().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
