"""What a process tells at /metrics, read as Prometheus reads it, and what its health checks say."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.support.running_worker import until


@dataclass(frozen=True)
class Figures:
    """The pages of one process."""

    port: int

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of a page; (0, "") where nobody listens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            return 0, ""
        finally:
            connection.close()

    def samples(self) -> list[tuple[str, dict[str, str], float]]:
        status, text = self.get("/metrics")
        assert status == 200, text
        return [
            (sample.name, sample.labels, sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        ]

    def total(self, name: str, **labels: str) -> float:
        """The sum of all samples of a name that have these labels."""
        return sum(
            value
            for found, its, value in self.samples()
            if found == f"smart_assign_{name}" and labels.items() <= its.items()
        )

    def by(self, name: str, label: str, **labels: str) -> dict[str, float]:
        """The samples of a name that are not 0, by one of their labels."""
        found: dict[str, float] = {}
        for its_name, its, value in self.samples():
            if its_name == f"smart_assign_{name}" and labels.items() <= its.items() and value:
                found[its[label]] = found.get(its[label], 0) + value
        return found

    def health(self, page: str = "healthz") -> dict[str, Any]:
        """What /healthz or /readyz says; `status` beside it."""
        status, text = self.get(f"/{page}")
        return {"status": status, **(json.loads(text) if text else {})}

    def until(self, holds: Callable[[Figures], bool], seconds: float = 60) -> None:
        """Wait until the figures are so; fails the test where they are not in time."""
        until(lambda: self.get("/healthz")[0] != 0, seconds, "nobody listens")
        until(lambda: holds(self), seconds, lambda: self.get("/metrics")[1])
