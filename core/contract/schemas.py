"""The contract's JSON schemas as files: `python -m core.contract.schemas [FOLDER]` writes them."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from core.contract.models import EXPORTED_SCHEMAS

#: The dialect that pydantic writes.
DIALECT = "https://json-schema.org/draft/2020-12/schema"
FOLDER = Path("docs/schemas")


def schema_texts() -> dict[str, str]:
    """The JSON schema of every document that crosses a queue, by file name."""
    return {name: json.dumps(_schema(model), indent=2) + "\n" for name, model in EXPORTED_SCHEMAS.items()}


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return {"$schema": DIALECT} | model.model_json_schema()


def write_schemas(folder: Path) -> None:
    """Write one file for each schema, replacing those that are there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in schema_texts().items():
        (folder / name).write_text(text, encoding="utf-8")


def main(arguments: Sequence[str]) -> None:
    """Write the schemas to the folder named, or to docs/schemas."""
    write_schemas(Path(arguments[0]) if arguments else FOLDER)


if __name__ == "__main__":
    main(sys.argv[1:])
