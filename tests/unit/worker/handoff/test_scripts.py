"""Lua scripts: what they read of their header is what they are sent, and names that a deployment chose are names only."""

from __future__ import annotations

import re

import fakeredis
import pytest

from worker.handoff.keys import Keys
from worker.handoff.script_headers import ScriptHeader
from worker.handoff.scripts import script_constants, script_texts
from worker.handoff.settlement import Settlement
from worker.redis_broker.claims import Claims, Lane
from worker.settings import Settings

SETTINGS = Settings()
TEXTS = script_texts(SETTINGS)
HEADERS = {header.script: header for header in ScriptHeader.__subclasses__()}
CODE = {name: re.sub(r"--.*|'[^'\n]*'", "", text) for name, text in TEXTS.items()}


@pytest.mark.parametrize("name", TEXTS)
def test_a_script_reads_the_fields_of_its_header_and_all_of_them(name: str) -> None:
    fields = HEADERS[name].__struct_fields__ if name in HEADERS else ()
    assert set(re.findall(r"\bheader\.(\w+)", CODE[name])) == set(fields)


@pytest.mark.parametrize("name", TEXTS)
def test_a_script_says_what_each_field_of_its_header_means(name: str) -> None:
    comments = " ".join(re.findall(r"--.*", TEXTS[name]))
    fields = HEADERS[name].__struct_fields__ if name in HEADERS else ()
    assert [field for field in fields if not re.search(rf"\b{field}\b", comments)] == []


@pytest.mark.parametrize("name", TEXTS)
def test_a_script_uses_no_constant_that_it_is_not_given(name: str) -> None:
    declared = set(re.findall(r"\blocal ([A-Z_]{2,})\b", CODE[name])) | {"ARGV"}
    assert set(re.findall(r"\b[A-Z][A-Z_]+\b", CODE[name])) <= declared


def test_every_constant_is_used() -> None:
    used = " ".join(CODE.values())
    assert [name for name in script_constants(SETTINGS) if len(re.findall(rf"\b{name}\b", used)) == len(CODE)] == []


def test_it_runs_one_text_for_one_deployment() -> None:
    assert script_texts(Settings()) == TEXTS
    assert script_texts(Settings(key_prefix="other")) != TEXTS


@pytest.mark.parametrize("name", ["it's", 'a "b" \\', "a\nb", "küche", "']] os.exit() --", "%s"])
def test_a_name_of_the_deployment_may_be_any_text(name: str) -> None:
    client = fakeredis.FakeRedis()
    settings = Settings(key_prefix=name, ingress_queue=f"{name}.in", dispatch_queue=f"{name}.out")
    claims = Claims(client, settings)
    client.lpush(settings.ingress_queue, b"1")
    claimed = claims.claim(Lane.INGRESS)
    assert client.lrange(Keys(name).claim(claimed.id), 0, -1) == [b"1"]
    assert claims.settle(claimed.id, Settlement([b"sealed"], [b"m".ljust(14)])) is not None
    assert client.lrange(settings.dispatch_queue, 0, -1) == [b"sealed"]
