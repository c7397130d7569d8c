"""The manifests are what Kubernetes takes, and name only what exists: commands, settings, ports, pages, secrets."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from kubernetes_validate import latest_version, validate

from core.process.log_choices import LogFormat
from tests.contract.test_deployment import resolve
from tests.support.compose_file import ROOT
from worker.cli.commands import smart_assign
from worker.queues import our_queues
from worker.settings import ENV_PREFIX, Settings

FOLDER = ROOT / "deploy" / "kubernetes"
#: Made by whoever deploys, from the example beside it.
BY_HAND = {"secrets.env", "redis.env"}
#: Pages of a role -> the setting of the port that serves them.
PORTS = {"worker": "metrics_port", "scheduler": "metrics_port", "api": "api_port", "flower": "flower_port"}


def documents(path: Path) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(path.read_text()) if each]


def variables(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)  # type: ignore[misc]


def listed(folder: Path) -> list[Path]:
    (kustomization,) = documents(folder / "kustomization.yaml")
    return [folder / name for name in kustomization["resources"]]


MANIFESTS = [*listed(FOLDER), *listed(FOLDER / "keda")]
RESOURCES = [document for path in MANIFESTS for document in documents(path)]
SETTINGS, SECRETS = variables(FOLDER / "settings.env"), variables(FOLDER / "secrets.env.example")


def of_kind(*kinds: str) -> Iterator[dict[str, Any]]:
    yield from (each for each in RESOURCES if each["kind"] in kinds)


DEPLOYMENTS = {each["metadata"]["name"]: each["spec"] for each in of_kind("Deployment")}
JOBS = {each["metadata"]["name"]: each["spec"] for each in of_kind("Job")}
PODS = {name: spec["template"]["spec"] for name, spec in (DEPLOYMENTS | JOBS).items()}
EACH_POD = pytest.mark.parametrize("name", PODS)
EACH_DEPLOYMENT = pytest.mark.parametrize("name", DEPLOYMENTS)


def container(name: str) -> dict[str, Any]:
    (only,) = PODS[name]["containers"]
    return dict(only)


def test_every_file_is_listed() -> None:
    manifests = {path for path in FOLDER.rglob("*.yaml") if path.name != "kustomization.yaml"}
    assert manifests == set(MANIFESTS)


#: The schema of KEDA's resources is not Kubernetes' own.
ITS_OWN = [each for each in RESOURCES if not each["apiVersion"].startswith("keda.sh/")]


@pytest.mark.parametrize("resource", ITS_OWN, ids=lambda each: f"{each['kind']} {each['metadata']['name']}")
def test_kubernetes_takes_it(resource: dict[str, Any]) -> None:
    validate(resource, latest_version(), strict=True)


def test_it_has_every_role_of_the_compose_file() -> None:
    assert set(PODS) == {"migrate", "worker", "scheduler", "api", "flower"}


@EACH_POD
def test_its_command_exists(name: str) -> None:
    assert not isinstance(resolve(smart_assign, container(name)["args"]).command, click.Group)


def test_its_settings_exist_and_hold_values_that_they_take() -> None:
    given = {name.removeprefix(ENV_PREFIX).lower(): value for name, value in (SETTINGS | SECRETS).items()}
    assert set(given) <= set(Settings.model_fields)
    settings = Settings.model_validate(given)
    assert (settings.log_format, settings.metrics_host) == (LogFormat.JSON, "0.0.0.0")
    assert settings.broker_url
    assert settings.database_url


def test_it_names_the_version() -> None:
    (kustomization,) = documents(FOLDER / "kustomization.yaml")
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert kustomization["images"] == [{"name": "smart-assign", "newTag": version}]
    assert {container(name)["image"] for name in PODS} == {"smart-assign"}


@pytest.mark.parametrize("folder", [FOLDER, FOLDER / "keda"], ids=["base", "keda"])
def test_it_reads_settings_and_secrets_from_files_that_are_there_or_have_an_example(folder: Path) -> None:
    (kustomization,) = documents(folder / "kustomization.yaml")
    generators = [*kustomization.get("configMapGenerator", ()), *kustomization["secretGenerator"]]
    for name in (name for each in generators for name in each["envs"]):
        assert (folder / (f"{name}.example" if name in BY_HAND else name)).is_file()
    assert set((ROOT / ".gitignore").read_text().split()) >= BY_HAND


@EACH_POD
def test_it_has_all_settings_and_no_rights(name: str) -> None:
    sources = [next(iter(each.values()))["name"] for each in container(name)["envFrom"]]
    assert sources == ["smart-assign", "smart-assign"]
    rights = container(name)["securityContext"]
    assert (rights["allowPrivilegeEscalation"], rights["readOnlyRootFilesystem"]) == (False, True)
    assert rights["capabilities"] == {"drop": ["ALL"]}
    assert PODS[name]["securityContext"]["runAsUser"] == 10001
    assert "memory" in container(name)["resources"]["limits"]


@EACH_DEPLOYMENT
def test_its_probes_ask_pages_that_the_role_serves(name: str) -> None:
    (port,) = container(name)["ports"]
    assert str(port["containerPort"]) == SETTINGS[f"{ENV_PREFIX}{PORTS[name].upper()}"]
    probes = {kind: probe["httpGet"] for kind, probe in container(name).items() if kind.endswith("Probe")}
    assert {probe["port"] for probe in probes.values()} == {port["name"]}
    paths = {kind: probe["path"] for kind, probe in probes.items()}
    if name == "flower":
        assert paths == {"readinessProbe": "/healthcheck"}
    else:
        assert paths == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}


@EACH_DEPLOYMENT
def test_its_labels_select_it(name: str) -> None:
    spec = DEPLOYMENTS[name]
    assert spec["selector"]["matchLabels"] == spec["template"]["metadata"]["labels"]


def test_what_has_to_stay_is_disrupted_one_at_a_time() -> None:
    budgets = {each["metadata"]["name"]: each["spec"] for each in of_kind("PodDisruptionBudget")}
    several = {name for name, spec in DEPLOYMENTS.items() if spec["replicas"] > 1}
    assert set(budgets) == several == {"worker", "scheduler", "api"}
    for name, budget in budgets.items():
        assert budget["selector"]["matchLabels"] == DEPLOYMENTS[name]["selector"]["matchLabels"]


def test_a_worker_has_the_time_that_compose_gives_it() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["worker"]
    assert f"{PODS['worker']['terminationGracePeriodSeconds']}s" == compose["stop_grace_period"]


def test_its_services_lead_to_ports_that_exist() -> None:
    for service in of_kind("Service"):
        name = service["metadata"]["name"]
        assert service["spec"]["selector"] == DEPLOYMENTS[name]["selector"]["matchLabels"]
        (port,) = container(name)["ports"]
        assert service["spec"]["ports"][0]["targetPort"] == port["name"]


def test_it_scales_a_deployment_by_queues_that_exist() -> None:
    (scaled,) = of_kind("ScaledObject")
    assert scaled["spec"]["scaleTargetRef"]["name"] in DEPLOYMENTS
    triggers = [each for each in scaled["spec"]["triggers"] if each["type"] == "redis"]
    assert {each["metadata"]["listName"] for each in triggers} < set(our_queues(Settings.model_construct()))
    (authentication,) = of_kind("TriggerAuthentication")
    assert {each["authenticationRef"]["name"] for each in triggers} == {authentication["metadata"]["name"]}
    (kustomization,) = documents(FOLDER / "keda" / "kustomization.yaml")
    made = {each["name"] for each in kustomization["secretGenerator"]}
    example = variables(FOLDER / "keda" / "redis.env.example")
    for reference in authentication["spec"]["secretTargetRef"]:
        assert reference["name"] in made
        assert reference["key"] in example
