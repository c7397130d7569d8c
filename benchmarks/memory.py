"""Memory: a worker's child while a large campaign passes through it, and what Redis keeps of each settled message."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

from benchmarks.documents import as_json, batch
from benchmarks.drain import START_S, on_list
from benchmarks.figures import Spread, rounded, spread
from benchmarks.findings import Findings, Table
from benchmarks.lanes.ours_redis import NAMES, program, push
from benchmarks.options import Options
from benchmarks.process import Running, running
from benchmarks.services import Services

DRAIN_S = 600.0
SAMPLE_S = 0.05
MB = 1e6
DISPATCHED = on_list(NAMES.dispatch_queue)


@dataclass(frozen=True, slots=True)
class Peak:
    """One campaign: MB of the worker's child and parent at their highest, and bytes that Redis kept a message."""

    recipients: int
    batch: int
    child_rss: float
    child_uss: float
    parent_rss: float
    redis_bytes: float


def measure(services: Services, options: Options) -> Findings:
    """A campaign in batches of 1,000, and one in the largest batches that the contract allows."""
    recipients = 40_000 if options.quick else 1_000_000
    peaks = [_campaign(services, recipients, size, options) for size in (1_000, 10_000)]
    facts: dict[str, Spread] = {
        "memory/child": spread([max(peak.child_rss for peak in peaks)]),
        "memory/redis": spread([max(peak.redis_bytes for peak in peaks)]),
    }
    columns = (
        "campaign",
        "child, peak RSS, MB",
        "child, peak USS, MB",
        "parent, peak RSS, MB",
        "Redis, bytes a message",
    )
    note = (
        "Peak RSS is the kernel's own high-water mark, pages shared with the parent included; USS (its own pages alone) "
        f"is sampled every {SAMPLE_S * 1000:.0f} ms. Redis: memory after the campaign, its dispatch queue removed, less "
        "that before it: marks against repeats, progress, and whatever else stays. MB are 1,000,000 bytes."
    )
    return Findings([Table("Memory", columns, [_row(peak) for peak in peaks], note)], facts)


def _row(peak: Peak) -> list[str]:
    figures = (peak.child_rss, peak.child_uss, peak.parent_rss, peak.redis_bytes)
    return [f"{peak.recipients:,} recipients in batches of {peak.batch:,}", *map(rounded, figures)]


def _batches(recipients: int, size: int) -> Iterator[bytes]:
    return (as_json(batch(number, size, recipients // size)) for number in range(recipients // size))


def _campaign(services: Services, recipients: int, size: int, options: Options) -> Peak:
    services.clear()
    with running(program()(services)) as worker:
        worker.until_logged(" ready.")
        worker.until(lambda: bool(worker.children), START_S, "the pool was there")
        before = _used(services)
        push(services, NAMES.campaign_ingress_queue, _batches(recipients, size))
        child = worker.children[0]
        uss = _watched(worker, child, partial(DISPATCHED, services, 0), recipients)
        peaks = _high_water(child.pid), _high_water(worker.process.pid)
        services.client.delete(NAMES.dispatch_queue)
        kept = _used(services) - before
    peak = Peak(recipients, size, peaks[0], uss, peaks[1], kept / recipients)
    options.say(f"memory: batches of {size}: child {peak.child_rss:.0f} MB, {peak.redis_bytes:.0f} bytes a message")
    return peak


def _watched(worker: Running, child: psutil.Process, done: partial[int], goal: int) -> float:
    """Wait for the end; gives the child's highest USS seen, in MB."""
    highest = 0.0

    def seen() -> bool:
        nonlocal highest
        highest = max(highest, child.memory_full_info().uss / MB)
        return done() >= goal

    worker.until(seen, DRAIN_S, "the campaign was through", SAMPLE_S)
    return highest


def _high_water(pid: int) -> float:
    """The highest RSS that a process ever had, in MB; its present one where the kernel does not tell."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return psutil.Process(pid).memory_info().rss / MB
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / MB


def _used(services: Services) -> int:
    time.sleep(0.2)  # what a client's buffers held is given back
    return int(services.client.info("memory")["used_memory"])
