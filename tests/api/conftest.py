"""One API for each database, shared by all tests; each test makes accounts of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path

import httpx
import pytest

from tests.conftest import both_databases
from tests.support.served import Login, ServedApi, served
from tests.support.services import postgres_database

#: The name under which schemathesis' plugin is loaded here; its own name is blocked in pyproject.toml.
SCHEMATHESIS = "schemathesis of tests/api"


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> None:
    """Load schemathesis' plugin, slow to import, for the one file that needs it."""
    plugins = parent.config.pluginmanager
    if module_path.name == "test_openapi.py" and not plugins.has_plugin(SCHEMATHESIS):
        plugins.register(import_module("schemathesis.pytest.plugin"), SCHEMATHESIS)


@pytest.fixture(scope="session", params=both_databases, ids=lambda database: f"api on {database}")
def api(
    request: pytest.FixtureRequest, redis_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServedApi]:
    """An API with default settings on each database."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path_factory.mktemp('api')}/test.sqlite3"
        else:
            url = stack.enter_context(postgres_database(request.getfixturevalue("postgres_server")))
        yield stack.enter_context(served(url, redis_server, api_rate_limit=0))


@pytest.fixture
def acme(api: ServedApi) -> Login:
    """An account with a number in AU and GB, a name, and a registered 10DLC number."""
    return api.account()


@pytest.fixture
def client(api: ServedApi, acme: Login) -> httpx.Client:
    """An HTTP client that asks as `acme`."""
    return api.client(acme)


@pytest.fixture(scope="session")
def visitor(api: ServedApi) -> httpx.Client:
    """The same for tests that set nothing: an account like acme that all of them share."""
    return api.client(api.account())
