"""The deployment names only what exists: commands, options, settings, queues, ports, files. No container engine is needed."""

from __future__ import annotations

import fnmatch
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from pydantic import ValidationError

from tests.support.compose_file import (
    COMPOSE,
    ROOT,
    MissingVariableError,
    compose,
    env_example,
    environment_of,
    interpolate,
    stages,
)
from worker.cli.commands import smart_assign
from worker.cli.health import PATIENCE_S
from worker.queues import our_queues
from worker.settings import ENV_PREFIX, Settings

PASSWORDS = {name: f"secret{number}" for number, name in enumerate(env_example(commented=False))}
ON_REDIS = compose(PASSWORDS)
OFFERED = {name: value or "secret9" for name, value in env_example(commented=True).items()}
ON_RABBITMQ = compose({name: interpolate(value, OFFERED) for name, value in OFFERED.items()} | PASSWORDS)
BOTH = pytest.mark.parametrize("document", [ON_REDIS, ON_RABBITMQ], ids=["redis", "rabbitmq"])

IMAGE_STAGES = stages((ROOT / "deploy" / "Dockerfile").read_text())
BUILD, IMAGE = IMAGE_STAGES
IGNORED = (ROOT / ".dockerignore").read_text().split("\n")
DEPLOYMENT_FILES = [
    COMPOSE,
    *sorted(path for path in (ROOT / "deploy").iterdir() if path.is_file() and path.suffix != ".py"),
]
#: What their makers support, and no older than what we need: Redis 6.2, PostgreSQL 13, RabbitMQ 3.10.
OLDEST = {"redis": (6, 2), "postgres": (13,), "rabbitmq": (3, 10)}
PORTS = {"redis": 6379, "postgres": 5432, "rabbitmq": 5672}


def ours(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: service for name, service in document["services"].items() if "build" in service}


OUR_SERVICES = pytest.mark.parametrize("name", ours(ON_REDIS))
SERVICES = pytest.mark.parametrize("name", ON_REDIS["services"])


def settings_of(service: dict[str, Any]) -> dict[str, str]:
    """The fields of Settings that its environment gives, the image's ENV below it."""
    environment = environment_of(IMAGE) | service["environment"]
    return {
        name.removeprefix(ENV_PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(ENV_PREFIX)
    }


def test_it_has_every_role() -> None:
    assert set(ours(ON_REDIS)) == {"migrate", "worker", "scheduler", "flower", "api"}


@OUR_SERVICES
def test_it_runs_one_image_for_all_roles(name: str) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    service = ours(ON_REDIS)[name]
    assert service["image"] == f"smart-assign:{version}"
    assert service["build"] == {"context": ".", "dockerfile": "deploy/Dockerfile"}
    assert "entrypoint" not in service


@OUR_SERVICES
def test_it_gives_commands_that_exist(name: str) -> None:
    context = resolve(smart_assign, ours(ON_REDIS)[name]["command"])
    assert not isinstance(context.command, click.Group)


def resolve(program: click.Command, words: list[str]) -> click.Context:
    """The context of the command that the words call, its options read. Raises click.UsageError."""
    context = program.make_context("program", list(words), resilient_parsing=False)
    while isinstance(context.command, click.Group):
        rest = [*context._protected_args, *context.args]
        name, command, rest = context.command.resolve_command(context, rest)
        assert command is not None
        assert name is not None
        context = command.make_context(name, rest, parent=context)
    return context


@BOTH
@OUR_SERVICES
def test_it_gives_settings_that_exist_and_hold_values_that_they_take(document: dict[str, Any], name: str) -> None:
    given = settings_of(ours(document)[name])
    assert set(given) <= set(Settings.model_fields)
    settings = Settings.model_validate(given)
    assert settings.broker_url, "embedded mode would start a Redis inside the container"
    assert settings.redis_url
    assert settings.database_url


@pytest.mark.parametrize("path", DEPLOYMENT_FILES, ids=lambda path: path.name)
def test_it_mentions_only_settings_that_exist(path: Path) -> None:
    mentioned = set(re.findall(rf"{ENV_PREFIX}([A-Z_]+)", path.read_text()))
    assert {name.lower() for name in mentioned} <= set(Settings.model_fields)


@pytest.mark.parametrize("path", DEPLOYMENT_FILES, ids=lambda path: path.name)
def test_it_mentions_only_queues_that_exist(path: Path) -> None:
    mentioned = set(re.findall(r"smart-assign(?:\.[a-z]+)+", path.read_text()))
    settings = Settings.model_construct()
    known = {*our_queues(settings), settings.campaign_work_queue, "smart-assign.env"}
    assert mentioned <= known


@BOTH
def test_it_uses_the_broker_that_was_chosen(document: dict[str, Any]) -> None:
    brokers = {settings_of(service)["broker_url"] for service in ours(document).values()}
    chosen = {"redis": "redis://:secret0@redis:6379/0", "rabbitmq": "amqp://smart-assign:secret9@rabbitmq:5672//"}
    assert brokers == {chosen["redis" if document is ON_REDIS else "rabbitmq"]}
    assert Settings(broker_url=brokers.pop()).broker_is_redis is (document is ON_REDIS)


@BOTH
@OUR_SERVICES
def test_it_reaches_servers_by_their_service_name_port_and_password(document: dict[str, Any], name: str) -> None:
    given = settings_of(ours(document)[name])
    for url in (given["broker_url"], given["redis_url"], given["database_url"]):
        match = re.fullmatch(r"[a-z]+://(?P<user>[^:]*):(?P<password>[^@]*)@(?P<host>[a-z]+):(?P<port>\d+)/.+", url)
        assert match, url
        assert int(match["port"]) == PORTS[match["host"]]
        assert (match["user"], match["password"]) == login(document["services"][match["host"]])


def login(server: dict[str, Any]) -> tuple[str, str]:
    environment = server["environment"]
    if "REDISCLI_AUTH" in environment:
        assert server["command"][:3] == ["redis-server", "--requirepass", environment["REDISCLI_AUTH"]]
        return "", environment["REDISCLI_AUTH"]
    if "POSTGRES_USER" in environment:
        return environment["POSTGRES_USER"], environment["POSTGRES_PASSWORD"]
    return environment["RABBITMQ_DEFAULT_USER"], environment["RABBITMQ_DEFAULT_PASS"]


@pytest.mark.parametrize("name", PASSWORDS)
def test_it_refuses_to_start_without_the_password(name: str) -> None:
    with pytest.raises(MissingVariableError, match=name):
        compose(PASSWORDS | {name: ""})


def test_it_makes_rabbitmq_refuse_to_start_without_a_password() -> None:
    words = ON_REDIS["services"]["rabbitmq"]["command"]
    assert words[:2] == ["sh", "-ec"]
    assert words[2].startswith(': "${RABBITMQ_DEFAULT_PASS:?')


def test_it_holds_no_password() -> None:
    literal = re.findall(r"(?im)^\s*[\w-]*(?:pass|password|auth)[\w-]*[:=][ ]*(?!\$\{)(\S+)$", COMPOSE.read_text())
    assert literal == []
    assert set(env_example(commented=False).values()) == {""}


@SERVICES
def test_it_waits_for_conditions_that_come_true(name: str) -> None:
    """`service_healthy` needs a health check, `service_completed_successfully` a service that ends; no circles."""
    services = ON_REDIS["services"]
    for needed, how in services[name].get("depends_on", {}).items():
        if how["condition"] == "service_healthy":
            assert "healthcheck" in services[needed]
        else:
            assert (how["condition"], services[needed]["restart"]) == ("service_completed_successfully", "no")
        assert how.get("required", True) or services[needed]["profiles"]
        assert how.get("required", True) is not bool(services[needed].get("profiles"))
    assert name not in list(needs(services, name))


def needs(services: dict[str, Any], name: str) -> Iterator[str]:
    for needed in services[name].get("depends_on", {}):
        yield needed
        yield from needs(services, needed)


@OUR_SERVICES
def test_it_starts_roles_on_a_migrated_database(name: str) -> None:
    assert name == "migrate" or "migrate" in ours(ON_REDIS)[name]["depends_on"]
    assert "postgres" in set(needs(ON_REDIS["services"], name))


@SERVICES
def test_it_never_sleeps(name: str) -> None:
    assert "sleep" not in json.dumps(ON_REDIS["services"][name])


@SERVICES
def test_it_checks_the_health_of_what_stays(name: str) -> None:
    service = ON_REDIS["services"][name]
    assert ("healthcheck" in service) is (service["restart"] != "no")
    if "healthcheck" in service:
        kind, *words = service["healthcheck"]["test"]
        assert kind in {"CMD", "CMD-SHELL"}
        assert words
        assert set(service["healthcheck"]) == {"test", "interval", "timeout", "retries", "start_period"}


@pytest.mark.parametrize("name", ["worker", "scheduler"])
def test_it_asks_a_role_for_the_work_that_it_does(name: str) -> None:
    check = ON_REDIS["services"][name]["healthcheck"]
    program, *words = check["test"][1:]
    assert program == "smart-assign"
    assert resolve(smart_assign, words).command.name == "health"
    assert seconds(check["timeout"]) > PATIENCE_S
    assert environment_of(IMAGE)["SMART_ASSIGN_METRICS_HOST"] == "0.0.0.0"


def seconds(text: str) -> float:
    assert text.endswith("s")
    return float(text[:-1])


@pytest.mark.parametrize(
    ("name", "path", "port_setting"),
    [("flower", "/healthcheck", "flower_port"), ("api", "/readyz", "api_port")],
)
def test_it_asks_a_web_role_on_the_port_that_it_listens_on(name: str, path: str, port_setting: str) -> None:
    service = ON_REDIS["services"][name]
    settings = Settings.model_validate(settings_of(service))
    port = getattr(settings, port_setting)
    program, option, code = service["healthcheck"]["test"][1:]
    assert (program, option) == ("python", "-c")
    compile(code, "healthcheck", "exec")
    assert f"http://127.0.0.1:{port}{path}" in code
    assert service["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert "front" in service["networks"]


def test_it_shows_flower_behind_a_password_and_to_this_machine_only() -> None:
    given = settings_of(ON_REDIS["services"]["flower"])
    assert given["flower_basic_auth"] == f"operator:{PASSWORDS['FLOWER_PASSWORD']}"
    assert given["flower_host"] == "0.0.0.0"  # inside its container


@SERVICES
def test_it_publishes_nothing_beyond_this_machine(name: str) -> None:
    service = ON_REDIS["services"][name]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert service["networks"][0] == "services"
    assert ON_REDIS["networks"]["services"] == {"internal": True}


@pytest.mark.parametrize("name", ON_RABBITMQ["services"])
def test_it_gives_nobody_rights(name: str) -> None:
    service = ON_RABBITMQ["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices"} & set(service)
    assert not [volume for volume in service.get("volumes", []) if volume.startswith(("/", "."))]
    # Ours run as the image's user, a server as the one that owns its data.
    assert service.get("user") == (None if "build" in service else name)


@OUR_SERVICES
def test_it_reaps_orphans_and_bounds_what_runs(name: str) -> None:
    service = ours(ON_REDIS)[name]
    assert service["init"] is True
    if name != "migrate":
        assert set(service["deploy"]["resources"]["limits"]) == {"memory", "pids"}
        assert service["healthcheck"]


@pytest.mark.parametrize("name", OLDEST)
def test_it_pins_servers_by_digest(name: str) -> None:
    assert re.fullmatch(rf"{name}:[\w.-]+@sha256:[0-9a-f]{{64}}", ON_RABBITMQ["services"][name]["image"])


def test_it_keeps_what_must_outlive_a_container() -> None:
    mounted = {
        volume.partition(":")[0] for service in ON_REDIS["services"].values() for volume in service.get("volumes", [])
    }
    assert mounted == set(ON_REDIS["volumes"])


def test_it_keeps_queued_messages_in_redis_on_disk() -> None:
    words = ON_REDIS["services"]["redis"]["command"]
    options = dict(zip(words[1::2], words[2::2], strict=True))
    assert options["--appendonly"] == "yes"
    assert options["--maxmemory-policy"] == "noeviction"


def test_it_runs_two_schedulers_that_take_turns() -> None:
    assert ON_REDIS["services"]["scheduler"]["deploy"]["replicas"] == 2


@pytest.mark.parametrize("name", OLDEST)
def test_it_pins_servers_that_are_new_enough(name: str) -> None:
    image, tag, _ = re.split("[:@]", ON_RABBITMQ["services"][name]["image"], maxsplit=2)
    version = tuple(int(part) for part in tag.partition("-")[0].split("."))
    assert image == name
    assert version >= OLDEST[name]


# The image


def test_it_builds_in_one_stage_and_runs_in_another() -> None:
    assert (len(IMAGE_STAGES), BUILD.name) == (2, "build")
    assert BUILD.base == IMAGE.base
    assert re.fullmatch(r"python:3\.13-slim-bookworm@sha256:[0-9a-f]{64}", IMAGE.base)
    requires = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert requires == ">=3.11"


def test_it_copies_files_that_exist_and_are_not_ignored() -> None:
    sources = [source for line in BUILD.all("COPY") for source in line.split()[:-1]]
    assert {"core", "worker", "api", "pyproject.toml", "requirements.lock"} <= set(sources)
    for source in sources:
        assert (ROOT / source).exists()
        assert not ignored(source)


def ignored(path: str) -> bool:
    """Whether .dockerignore keeps a path at the root out: the last line that matches decides."""
    verdict = False
    for line in IGNORED:
        if line and not line.startswith("#") and fnmatch.fnmatchcase(path, line.removeprefix("!")):
            verdict = not line.startswith("!")
    return verdict


@pytest.mark.parametrize("path", [".git", ".env", ".venv", "smart-assign.env", "tests", "docs", ".smart-assign"])
def test_it_keeps_out_of_the_build_what_the_image_does_not_need(path: str) -> None:
    assert ignored(path)


def test_it_builds_every_package_that_the_program_consists_of() -> None:
    included = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]["include"]
    copied = {line.split()[0] for line in BUILD.all("COPY")}
    assert {pattern.removesuffix("*") for pattern in included} <= copied


def test_it_installs_wheels_at_the_locked_versions_and_no_test_tools() -> None:
    assert environment_of(BUILD)["PIP_ONLY_BINARY"] == ":all:"
    installs = [json.loads(line) for line in BUILD.all("RUN") if '"pip"' in line]
    assert installs == [
        ["pip", "install", "--require-hashes", "--requirement", "requirements.lock"],
        ["pip", "install", "--no-deps", "--no-build-isolation", "."],
    ]
    assert not any('"pip"' in line for line in IMAGE.all("RUN"))


def test_it_takes_over_the_environment_that_was_built() -> None:
    place = json.loads(BUILD.all("RUN")[0])[-1]
    assert IMAGE.all("COPY") == [f"--from={BUILD.name} {place} {place}"]
    assert environment_of(IMAGE)["PATH"].startswith(f"{place}/bin:")


def test_it_runs_as_a_user_without_rights() -> None:
    [user] = IMAGE.all("USER")
    uid, gid = user.split(":")
    assert min(int(uid), int(gid)) >= 10_000
    made = [json.loads(line) for line in IMAGE.all("RUN")]
    [useradd] = [words for words in made if words[0] == "useradd"]
    assert useradd[useradd.index("--uid") + 1] == uid
    assert [name for name, _ in IMAGE.instructions][-3:] == ["USER", "ENTRYPOINT", "CMD"]


def test_no_program_in_it_may_change_its_user() -> None:
    assert any('"/6000"' in line and '"a-s"' in line for line in IMAGE.all("RUN"))


def test_it_makes_the_data_folder_for_that_user() -> None:
    folder = environment_of(IMAGE)["SMART_ASSIGN_DATA_DIR"]
    [install] = [json.loads(line) for line in IMAGE.all("RUN") if '"install"' in line]
    assert install == ["install", "--directory", "--owner=10001", "--group=10001", "--mode=0700", folder]
    assert IMAGE.all("WORKDIR") == [folder]


def test_it_starts_the_program_without_a_shell() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    [program] = json.loads(IMAGE.all("ENTRYPOINT")[0])
    assert program in scripts
    resolve(smart_assign, json.loads(IMAGE.all("CMD")[0]))
    assert all(line.startswith("[") for stage in IMAGE_STAGES for line in stage.all("RUN"))


def test_it_labels_the_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert any(f'image.version="{version}"' in line for line in IMAGE.all("LABEL"))


# The reader of the file reads as Compose does.

INTERPOLATED = {
    "plain": ("${A}", "a"),
    "unset": ("x${B}", "x"),
    "a default": ("${B:-b}", "b"),
    "a default not needed": ("${A:-b}", "a"),
    "an empty one": ("${E:-b}", "b"),
    "nested": ("${B:-x${A}y}", "xay"),
    "nested and required": ("${B:-x${A:?no}y}", "xay"),
    "a literal dollar": ("$$(pwd) $${A}", "$(pwd) ${A}"),
}


@pytest.mark.parametrize(("text", "expected"), INTERPOLATED.values(), ids=INTERPOLATED.keys())
def test_it_reads_variables_as_compose_does(text: str, expected: str) -> None:
    assert interpolate(text, {"A": "a", "E": ""}) == expected


def test_it_would_notice_a_wrong_value() -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"broker_url": "https://redis"})
