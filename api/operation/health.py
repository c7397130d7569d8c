"""`/healthz`, `/readyz` and `/metrics`: for orchestrators and Prometheus, without a key and without an envelope."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import redis
import structlog
from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

from api.admission import Parts
from api.envelope import JsonBytes
from api.services import Services
from core.encoding import encode_json
from core.errors import SmartAssignError
from core.process.log_events import LogEvent

log = structlog.get_logger(__name__)

router = APIRouter(tags=["Operation"])


class ReadinessCheck(BaseModel):
    """One thing that this process needs; what is wrong stands in its log."""

    name: str
    ok: bool


class Readiness(BaseModel):
    """Whether requests can be answered."""

    ok: bool
    checks: list[ReadinessCheck]


class Health(BaseModel):
    """That the process answers."""

    ok: bool


@router.get("/healthz", response_model=Health)
async def healthz() -> Response:
    """The process is alive; says nothing of the services that it needs."""
    return JsonBytes(encode_json({"ok": True}))


@router.get(
    "/readyz", response_model=Readiness, responses={503: {"model": Readiness, "description": "Something is away."}}
)
def readyz(parts: Parts) -> Response:
    """Whether database, Redis and country rules can be used: 200, else 503."""
    checks = [_checked(name, probe) for name, probe in _probes(parts).items()]
    ok = all(check["ok"] for check in checks)
    return JsonBytes(encode_json({"ok": ok, "checks": checks}), 200 if ok else 503)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(request: Request) -> Response:
    """The counts of this process in Prometheus's text format."""
    return Response(generate_latest(request.app.state.metrics.registry), media_type=CONTENT_TYPE_LATEST)


def _probes(parts: Services) -> dict[str, Callable[[], object]]:
    return {"database": parts.store.ping, "redis": parts.redis.ping, "rules": parts.rules}


def _checked(name: str, probe: Callable[[], object]) -> dict[str, Any]:
    try:
        probe()
    except (SmartAssignError, SQLAlchemyError, redis.RedisError) as error:
        log.warning(LogEvent.API_NOT_READY, check=name, error=str(error))
        return {"name": name, "ok": False}
    return {"name": name, "ok": True}
