"""The JSON schemas of documents and files: `python -m core.schemas [FOLDER]` writes them.

A schema says the form; what needs the rules or the inventory, such as whether there is a country, no schema can say.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.contract.feedback import DeliveryFeedbackDocument
from core.contract.models import EXPORTED_SCHEMAS
from core.contract.resends import ResendRequest
from core.inventory.documents import AnyLine as InventoryLine
from core.rules.lines import AnyLine as RuleLine

#: The dialect that pydantic writes.
DIALECT = "https://json-schema.org/draft/2020-12/schema"
FOLDER = Path("docs/schemas")


def schema_texts() -> dict[str, str]:
    """The schema of every document that crosses a queue, and of a line of every file that people write, by file name."""
    schemas: dict[str, dict[str, Any]] = {name: model.model_json_schema() for name, model in EXPORTED_SCHEMAS.items()}
    schemas["resend-request.json"] = ResendRequest.model_json_schema()
    schemas["delivery-feedback.json"] = DeliveryFeedbackDocument.model_json_schema()
    schemas["rule-file-line.json"] = RuleLine.json_schema()
    schemas["inventory-file-line.json"] = InventoryLine.json_schema()
    return {name: json.dumps({"$schema": DIALECT} | schema, indent=2) + "\n" for name, schema in schemas.items()}


def main(arguments: Sequence[str]) -> None:
    """Write the schemas to the folder named, or to docs/schemas, replacing those that are there."""
    folder = Path(arguments[0]) if arguments else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in schema_texts().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
