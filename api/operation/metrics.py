"""What `/metrics` tells: requests by route and how long they took; messages and defaults at risk of the deployment."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import redis
import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.services import Services
from core.cache.bounds import left_out
from core.defaults.risk_warnings import count_warnings
from core.errors import SmartAssignError
from core.metrics.catalogue import API_MESSAGES, API_REQUESTS, API_SECONDS, BOUNDS_LEFT_OUT, DEFAULTS_AT_RISK
from core.process.log_events import LogEvent

log = structlog.get_logger(__name__)

#: A path that no route has; its text would make a label without bound.
_NO_ROUTE = "none"


class ApiMetrics:
    """The counts of one application, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            API_REQUESTS.name,
            API_REQUESTS.words,
            list(API_REQUESTS.labels),
            registry=self.registry,
        )
        self._seconds = Histogram(
            API_SECONDS.name,
            API_SECONDS.words,
            list(API_SECONDS.labels),
            buckets=API_SECONDS.buckets,
            registry=self.registry,
        )

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)


class SharedCounts(Collector):
    """What all processes of a deployment have in common, read when it is asked for: every process tells the same.

    What cannot be read is left out, for the other figures are needed most while something is away.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterator[Metric]:
        """As prometheus_client asks."""
        families: list[Callable[[], Metric]] = [self._at_risk, self._left_out]
        if self._services.broker.counts_messages:
            families.append(self._messages)
        for family in families:
            try:
                yield family()
            except (SmartAssignError, SQLAlchemyError, redis.RedisError) as error:
                log.warning(LogEvent.API_METRIC_LEFT_OUT, error=str(error))

    def _at_risk(self) -> Metric:
        metric = DEFAULTS_AT_RISK
        family = GaugeMetricFamily(metric.name, metric.words, labels=list(metric.labels))
        for found in count_warnings(self._services.store):
            family.add_metric([found.reason, "true" if found.usable_now else "false"], found.count)
        return family

    def _left_out(self) -> Metric:
        metric = BOUNDS_LEFT_OUT
        family = CounterMetricFamily(metric.name.removesuffix("_total"), metric.words, labels=list(metric.labels))
        services = self._services
        broker, settings = services.broker.progress_redis, services.settings
        servers = [services.redis]
        if broker is not None and settings.cache_url != settings.broker_url:
            servers.append(broker)
        for bound, count in left_out(settings.key_prefix, servers).items():
            family.add_metric([bound], count)
        return family

    def _messages(self) -> Metric:
        metric = API_MESSAGES
        family = CounterMetricFamily(metric.name.removesuffix("_total"), metric.words, labels=list(metric.labels))
        for outcome, count in sorted(self._services.progress.outcomes().items()):
            family.add_metric([outcome], count)
        return family


class CountedRequests:
    """Counts every HTTP request that passes through it."""

    def __init__(self, app: ASGIApp, metrics: ApiMetrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI asks; a request that ends in an exception counts as 500."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            route = getattr(scope.get("route"), "path", _NO_ROUTE)
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.note(method, route, status, time.perf_counter() - started)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
