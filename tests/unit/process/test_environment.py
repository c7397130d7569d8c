from __future__ import annotations

import pytest
from pydantic import Field, ValidationError

from core.process.environment import FromEnvironment, JsonObject


class Told(FromEnvironment):
    environment_prefix = "TOLD_"

    name: str = "nobody"
    count: int = Field(1, ge=1)
    asked: bool = False
    more: JsonObject = Field({})


def told(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Told:
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    return Told()


def test_it_reads_variables_of_its_prefix_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    found = told(monkeypatch, TOLD_NAME="Ann", told_count="3", TOLD_ASKED="true", TOLD_MORE='{"a": [1]}', NAME="Bob")
    assert found == Told(name="Ann", count=3, asked=True, more={"a": [1]})
    assert found.model_fields_set == {"name", "count", "asked", "more"}


def test_an_empty_or_unknown_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, TOLD_NAME="", TOLD_MORE="", TOLD_UNKNOWN="x").model_fields_set == set()


def test_what_is_given_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOLD_NAME", "Ann")
    assert Told(name="Bob").name == "Bob"


@pytest.mark.parametrize(
    ("variable", "text"),
    [("TOLD_COUNT", "0"), ("TOLD_COUNT", "x"), ("TOLD_ASKED", "perhaps"), ("TOLD_MORE", "{"), ("TOLD_MORE", "[1]")],
)
def test_it_names_the_field_that_is_wrong(variable: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError) as raised:
        told(monkeypatch, **{variable: text})
    assert [error["loc"] for error in raised.value.errors()] == [(variable.removeprefix("TOLD_").lower(),)]
