"""Write the tables of README.md and docs that the code knows best: `python -m deploy.generate_tables`.

A table stands between two comments that name it; a test keeps the files equal to what is written here.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo

from core.engine.codes import RANK_STEPS, REASONS, REJECTIONS, SOURCES, WARNINGS, CodeInfo
from core.errors import PARK_REASONS
from core.metrics.catalogue import CATALOGUE, Metric
from core.process.log_events import LogEvent
from worker.settings import ENV_PREFIX, Settings

ROOT = Path(__file__).parents[1]
FILES = (
    ROOT / "README.md",
    *(ROOT / "docs" / name for name in ("settings.md", "log-events.md", "metrics.md", "codes.md")),
)

#: For settings whose field says no more than its name.
MEANINGS: Mapping[str, str] = {
    "ingress_queue": "in: one message a document, plain JSON",
    "campaign_ingress_queue": "in: one campaign batch a document, plain JSON",
    "messages_queue": "in: Celery tasks `message.assign`",
    "campaigns_queue": "in: Celery tasks `campaign.assign`",
    "resend_queue": "in: messages whose sender failed at the carrier, plain JSON",
    "feedback_queue": "in: receipts, plain JSON, single or a list of up to 10,000",
    "work_queue": "internal: tasks that work on claimed messages",
    "campaign_work_queue": "internal, Redis only: tasks that work on claimed campaign batches",
    "dispatch_queue": "out: enriched messages",
    "parked_queue": "out: notices of parked messages",
    "events_queue": "out: events, bounded",
    "invalid_override": "a sender named by message, batch or default that does not fit: let the next step decide, or park",
    "altered_senders": "whether a sender that the carrier replaces or labels may be used where nothing compliant exists",
    "unknown_rule": "where the rules say nothing: a dedicated number of the country itself, no sender, or any",
    "default_destination": "whether an account sends to a country for which neither it nor the account above has set a mode",
    "log_format": "for people, or one JSON document a line",
    "log_level": "what is logged; with `DEBUG` also every task that begins or ends",
    "flower_host": "where `smart-assign flower` listens",
    "flower_port": "and on which port",
    "api_host": "where `smart-assign api` listens",
    "api_port": "and on which port",
}

#: A label with more values than that is not spelled out.
MOST_VALUES = 10

SIGNS = {"ge": "≥", "gt": ">", "le": "≤"}


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def settings_table() -> str:
    """Every setting with its default, what it takes and what it means."""
    rows = (
        (f"`{ENV_PREFIX}{name.upper()}`", default_of(field), takes(field), field.description or MEANINGS[name])
        for name, field in Settings.model_fields.items()
    )
    return table(("variable", "default", "takes", "meaning"), rows)


def default_of(field: FieldInfo) -> str:
    """The default as one would write it; empty: unset."""
    return "" if field.default is None else f"`{field.default}`"


def takes(field: FieldInfo) -> str:
    """The type, and the limits or choices, in words."""
    kind = value_type(field)
    if issubclass(kind, StrEnum):
        return choices(kind)
    if kind is dict:
        return "JSON object"
    limits = {name: getattr(limit, name) for limit in field.metadata for name in SIGNS if hasattr(limit, name)}
    patterns = [limit.pattern for limit in field.metadata if getattr(limit, "pattern", None)]
    if patterns and re.fullmatch(r"\^\(\w+(\|\w+)*\)\$", patterns[0]):
        return choices(re.findall(r"\w+", patterns[0]))
    words = {int: "whole number", float: "number"}.get(kind, "path" if issubclass(kind, Path) else "text")
    return ", ".join([words, *(f"{SIGNS[name]} {limit}" for name, limit in limits.items())])


def choices(words: Iterable[str]) -> str:
    """The words that a setting takes."""
    return ", ".join(f"`{word}`" for word in words)


def value_type(field: FieldInfo) -> type:
    """The type of a field that may also be unset."""
    if get_origin(field.annotation) is dict:
        return dict
    kinds = [kind for kind in get_args(field.annotation) or (field.annotation,) if kind is not types.NoneType]
    assert isinstance(kinds[0], type)
    return kinds[0]


def parking_table() -> str:
    """Every reason for which a message is kept instead of dispatched."""
    rows = ((f"`{reason}`", info.meaning, info.remedy) for reason, info in PARK_REASONS.items())
    return table(("code", "meaning", "what to do"), rows)


def log_events_table() -> str:
    """Every event that is logged, by its name."""
    return table(("event", "meaning"), ((f"`{event}`", event.meaning) for event in sorted(LogEvent)))


def metrics_table() -> str:
    """Every metric, with its labels and who serves it."""
    return table(("metric", "kind", "labels", "served by", "meaning"), map(metric_row, CATALOGUE.values()))


def metric_row(metric: Metric) -> tuple[str, str, str, str, str]:
    """One line of it; a label whose values are not known beforehand stands alone."""
    labels = (f"`{label}`{_values_of(values)}" for label, values in metric.labels.items())
    return f"`{metric.name}`", metric.kind, "; ".join(labels), ", ".join(sorted(metric.roles)), metric.words


def _values_of(values: Sequence[str]) -> str:
    if len(values) > MOST_VALUES:
        return f": one of {len(values)}"
    return f": {', '.join(values)}" if values else ""


def codes_table(codes: Mapping[Any, CodeInfo]) -> str:
    """Codes of a decision; what to do only where there is something to mend."""
    if any(info.remedy for info in codes.values()):
        rows = ((f"`{code}`", info.meaning, info.remedy) for code, info in codes.items())
        return table(("code", "meaning", "what to do"), rows)
    return table(("code", "meaning"), ((f"`{code}`", info.meaning) for code, info in codes.items()))


TABLES: Mapping[str, Callable[[], str]] = {
    "settings": settings_table,
    "parking codes": parking_table,
    "log events": log_events_table,
    "metrics": metrics_table,
    "warnings": partial(codes_table, WARNINGS),
    "sources": partial(codes_table, SOURCES),
    "reasons": partial(codes_table, REASONS),
    "rejections": partial(codes_table, REJECTIONS),
    "ranking steps": partial(codes_table, RANK_STEPS),
}


def rewritten(text: str) -> str:
    """The text with its tables as they are now."""
    for name, write in TABLES.items():
        begin, end = f"<!-- {name}: generated -->\n", f"<!-- end of {name} -->"
        if begin in text:
            before, _, rest = text.partition(begin)
            text = f"{before}{begin}\n{write()}\n{end}{rest.partition(end)[2]}"
    return text


def main() -> None:
    """Rewrite the files."""
    for path in FILES:
        path.write_text(rewritten(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
