"""What verdicts are encoded as: workers of two versions share Redis, so the form has a number."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from core.cache.verdict import VERDICT_FORM, Verdict

#: Number of the form -> a digest of its schema. A changed schema needs a new number and a line here; so does a change
#: of what decides, of which a schema says nothing.
DIGESTS = {
    4: "995733dfd2774d29",
    5: "01271dd1725b66ad",
    6: "48ac7b220a63f696",
    7: "feb8341ea799b896",
    8: "845fd13ebbdcd08b",
    9: "ae8c4386cf86e822",
}


def without_prose(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {name: without_prose(value) for name, value in schema.items() if name != "description"}
    return [without_prose(value) for value in schema] if isinstance(schema, list) else schema


def test_it_has_a_new_number_for_every_form() -> None:
    schema = without_prose(msgspec.json.schema(Verdict))
    digest = hashlib.sha256(msgspec.json.encode(schema, order="deterministic")).hexdigest()[:16]
    assert DIGESTS.get(VERDICT_FORM) == digest, "the form of a verdict has changed: raise VERDICT_FORM"
