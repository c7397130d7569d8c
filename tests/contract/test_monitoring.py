"""Alerts, dashboard and runbook name only what exists: metrics, labels, commands, options, settings; and each other."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from core.errors import ParkReason
from core.metrics.catalogue import CATALOGUE, Kind, Role
from core.process.log_events import LogEvent
from tests.support.compose_file import ROOT, compose, env_example
from worker.cli.commands import smart_assign
from worker.settings import ENV_PREFIX, Settings

PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES_FILE, CONFIG_FILE = PROMETHEUS / "alerts.rules.yml", PROMETHEUS / "prometheus.yml"
TESTS_FILE = PROMETHEUS / "alerts.test.yml"
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "dashboard.json").read_text(encoding="utf-8"))
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
RULES = [rule for group in yaml.safe_load(RULES_FILE.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDED = {rule["record"] for rule in RULES if "record" in rule}
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
EXPRESSIONS = [*(rule["expr"] for rule in RULES), *QUERIES]
#: What Prometheus itself says of whom it asks.
OF_PROMETHEUS = {"up", "instance", "job", "le"}
NAME = re.compile(r"\bsmart_assign[\w:]*")


def told_names() -> set[str]:
    """Every name that stands in the text of a role, or that a rule records."""
    names = set(RECORDED)
    for metric in CATALOGUE.values():
        histogram = metric.kind is Kind.HISTOGRAM
        names |= {f"{metric.name}{end}" for end in ("_bucket", "_sum", "_count")} if histogram else {metric.name}
    return names


LABELS = {label for metric in CATALOGUE.values() for label in metric.labels} | OF_PROMETHEUS


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_names_metrics_of_the_catalogue_and_their_labels(expression: str) -> None:
    names = set(NAME.findall(expression))
    assert names <= told_names()
    assert names or "up{" in expression
    selected = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", expression)
    grouped = re.findall(r"\b(?:by|on|ignoring)\s*\(([^)]*)\)", expression)
    used = {*selected, *(label.strip() for each in grouped for label in each.split(",") if label.strip())}
    assert used <= LABELS
    for name, label, values in re.findall(r"(smart_assign_\w+)\{(\w+)=~?\"([^\"]*)\"", expression):
        metric = CATALOGUE.get(name)
        if metric and metric.labels.get(label):
            assert set(values.split("|")) <= set(metric.labels[label])


def test_queues_are_named_as_the_settings_name_them() -> None:
    queues = {name.removesuffix("_queue") for name in Settings.model_fields if name.endswith("_queue")}
    named = {
        name
        for text in EXPRESSIONS
        for each in re.findall(r'queue(?:=~|!=|=)"([^"]*)"', text)
        for name in each.split("|")
    }
    assert named
    assert named <= queues


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_asks_the_data_source_that_was_chosen_and_fits_beside_others(panel: dict[str, Any]) -> None:
    source = {"type": "prometheus", "uid": "${datasource}"}
    assert panel["datasource"] == source
    assert all(target["datasource"] == source and target["expr"] for target in panel["targets"])
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    place = panel["gridPos"]
    assert 0 <= place["x"] < place["x"] + place["w"] <= 24


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    """Its fields by Grafana's documentation of the JSON model; no package of Grafana is at hand to load it."""
    assert {"uid", "title", "schemaVersion", "panels", "templating", "time", "refresh"} <= DASHBOARD.keys()
    assert "id" not in DASHBOARD  # it is the installation's own
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    assert {panel["type"] for panel in DASHBOARD["panels"]} <= {"row", "timeseries", "stat"}
    [variable] = DASHBOARD["templating"]["list"]
    assert (variable["name"], variable["type"], variable["query"]) == ("datasource", "datasource", "prometheus")
    cells = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)  # none lies on another


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_has_a_severity_a_test_and_its_place_in_the_runbook(name: str) -> None:
    alert = ALERTS[name]
    assert alert["labels"]["severity"] in {"page", "ticket"}
    assert alert["annotations"]["runbook_url"] == f"docs/runbook.md#{name.lower()}"
    section = re.search(rf"^### {name}\n(.*?)(?=^### |\Z)", RUNBOOK, re.MULTILINE | re.DOTALL)
    assert section
    assert all(f"**{word}**" in section[1] for word in ("Means", "See", "Do"))
    tested = [
        bool(check["exp_alerts"])
        for test in yaml.safe_load(TESTS_FILE.read_text(encoding="utf-8"))["tests"]
        for check in test["alert_rule_test"]
        if check["alertname"] == name
    ]
    assert {True, False} <= set(tested)


def test_the_runbook_has_no_alert_that_is_none() -> None:
    assert set(re.findall(r"^### (\w+)$", RUNBOOK, re.MULTILINE)) == set(ALERTS)


def commands() -> Iterator[str]:
    """Every command line of the runbook: indented ones whole, and those in a sentence."""
    for line in RUNBOOK.splitlines():
        if re.match(r" +smart-assign ", line):
            yield line.strip()
    yield from re.findall(r"`(smart-assign [^`…]+)`", RUNBOOK)


@pytest.mark.parametrize("line", sorted(set(commands())))
def test_a_command_of_the_runbook_exists_and_takes_its_options(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules.csv").touch()
    words = shlex.split(line.replace("CODE", ParkReason.EXPIRED))[1:]
    group: click.Command = smart_assign
    parent: click.Context | None = None
    while isinstance(group, click.Group):
        with click.Context(group, parent=parent, info_name="smart-assign") as context:
            _, found, words = group.resolve_command(context, list(words))
        assert found is not None
        parent, group = context, found
    with group.make_context(group.name, list(words), parent=parent) as context:
        assert context.command is group


def test_the_runbook_names_metrics_settings_and_events_that_exist() -> None:
    known = told_names() | set(CATALOGUE)
    assert set(NAME.findall(RUNBOOK)) <= known
    fields = {name.upper() for name in Settings.model_fields}
    assert {name.removeprefix(ENV_PREFIX) for name in re.findall(rf"{ENV_PREFIX}[A-Z_]+", RUNBOOK)} <= fields
    events = {word for word in re.findall(r"`([a-z_]+)`", RUNBOOK) if "_" in word} - set(LogEvent)
    assert events <= {"left_to_newer"} | known


def test_prometheus_asks_the_services_of_compose_on_their_ports() -> None:
    services = compose(dict.fromkeys(env_example(commented=False), "secret"))["services"]
    jobs = yaml.safe_load(CONFIG_FILE.read_text(encoding="utf-8"))["scrape_configs"]
    asked = {each["names"][0]: each["port"] for job in jobs for each in job["dns_sd_configs"]}
    assert set(asked) == {str(role) for role in Role} <= set(services)
    defaults = Settings()
    assert asked == {"worker": defaults.metrics_port, "scheduler": defaults.metrics_port, "api": defaults.api_port}
    assert [job["job_name"] for job in jobs] == [f"smart-assign-{name}" for name in asked]


@pytest.fixture(scope="session")
def promtool(absent: Callable[[str, Exception | str], None], present: Callable[[str, str], None]) -> str:
    """Prometheus's own checker, of Debian's package `prometheus`."""
    found = shutil.which("promtool")
    if found is None:
        absent("promtool", "no such program; Debian's package is prometheus")
    assert found is not None
    present("promtool", found)
    return found


@pytest.mark.parametrize(
    ("words", "path"),
    [(["check", "config"], CONFIG_FILE), (["check", "rules"], RULES_FILE), (["test", "rules"], TESTS_FILE)],
    ids=["config", "rules", "alerts"],
)
def test_prometheus_takes_it(promtool: str, words: list[str], path: Path) -> None:
    done = subprocess.run(
        [promtool, *words, path.name], cwd=path.parent, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
