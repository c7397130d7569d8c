"""Settings out of the environment. A few lines, for a library that does it takes longer to load than most commands to run."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator


class FromEnvironment(BaseModel):
    """Each field is the environment variable of its name, in any case, after `environment_prefix`; an empty one is none.

    What is given by name comes first. Raises pydantic.ValidationError.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    environment_prefix: ClassVar[str]

    @model_validator(mode="before")
    @classmethod
    def _with_environment(cls, given: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**_variables(cls.environment_prefix), **given}


def _variables(prefix: str) -> Mapping[str, Any]:
    found = {name.upper(): text for name, text in os.environ.items() if text}
    return {name.removeprefix(prefix).lower(): text for name, text in found.items() if name.startswith(prefix)}


def _as_object(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError("must be a JSON object") from None


#: A field whose variable holds a JSON object.
JsonObject = Annotated[dict[str, Any], BeforeValidator(_as_object)]
