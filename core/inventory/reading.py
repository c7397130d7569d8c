"""One line of an inventory file: read, checked, and refused with every field that is to blame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from core.encoding import ContractError
from core.errors import FieldError
from core.file_lines import field_errors, line_object, place
from core.inventory.documents import DOCUMENTS, AnyDocument
from core.inventory.lines import Line

#: A line is some 300 bytes; what is longer than this is not one.
LINE_MAX_BYTES = 1_048_576


def read_line(text: bytes, number: int, errors: list[FieldError]) -> Line | None:
    """The line, or None where it is blank or wrong; its errors are appended."""
    if not text.strip():
        return None
    if len(text) > LINE_MAX_BYTES:
        errors.append(FieldError(place(number), f"is longer than {LINE_MAX_BYTES} bytes"))
        return None
    try:
        content = line_object(text, number, DOCUMENTS)
    except ContractError as error:
        errors.extend(error.errors)
        return None
    return _checked(content, number, errors)


def _checked(content: Mapping[str, Any], number: int, errors: list[FieldError]) -> Line | None:
    model = DOCUMENTS[content["kind"]]
    before = len(errors)
    document: AnyDocument | None
    try:
        document = model.model_validate(content)
    except ValidationError as error:
        errors.extend(field_errors(error, number, model))
        document = _without_wrong(model, content, error)
    if document is None:
        return None
    errors.extend(FieldError(place(number, each.field), each.reason) for each in document.problems())
    return document.line(number, frozenset(content)) if len(errors) == before else None


def _without_wrong(model: type[AnyDocument], content: Mapping[str, Any], error: ValidationError) -> AnyDocument | None:
    """The line as if what is wrong with it had been left out, so that one refusal names all; None: that is too much."""
    wrong = {detail["loc"][0] for detail in error.errors(include_url=False)}
    try:
        return model.model_validate({name: value for name, value in content.items() if name not in wrong})
    except ValidationError:
        return None
