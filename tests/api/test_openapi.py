"""The API does what its OpenAPI document says, whatever it is sent: no 500, no undocumented answer, no other shape."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import positive_data_acceptance, use_after_free

from api.main import create_app
from api.settings import ApiSettings
from core.errors import ParkReason
from core.parked.store import ParkedDocument
from tests.support.effort import examples
from tests.support.served import Login, ServedApi

load_all_checks()


@pytest.fixture(scope="module")
def caller(api: ServedApi) -> Login:
    """An account that has something of everything."""
    login = api.account()
    api.default(login)
    api.account((), parent=login)
    document = ParkedDocument(
        parked_id=f"prk_{login.account_id}",
        reason=ParkReason.NO_COMPLIANT_SENDER,
        detail="none fits",
        lane="smart-assign.ingress",
        parked_at=api.store.clock(),
        account_id=login.account_id,
        document=b"{}",
    )
    api.store.park([document])
    return login


NOWHERE = ApiSettings(broker_url="redis://127.0.0.1:1/0", database_url="sqlite://")
DOCUMENT = create_app(NOWHERE).openapi()
OPERATIONS = [(method.upper(), path) for path, operations in DOCUMENT["paths"].items() for method in operations]


def without_security(document: dict[str, Any]) -> dict[str, Any]:
    """So that no case is made of a key that is missing: every request of the run carries one."""
    bare = copy.deepcopy(document)
    for operations in bare["paths"].values():
        for operation in operations.values():
            operation.pop("security", None)
    return bare


schema = schemathesis.openapi.from_dict(without_security(DOCUMENT))
#: Sending answers with ids that are made up, others at each run, which Hypothesis would take for a whim of its own.
repeatable = schema.exclude(path=["/v1/messages", "/v3/sms/send"])


@schema.parametrize()
@settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_it_does_what_it_says(case: schemathesis.Case, api: ServedApi, caller: Login) -> None:
    # A request may fit the schema and still be refused: a country or a sender must exist as well.
    case.call_and_validate(base_url=api.url, auth=caller.basic, excluded_checks=[positive_data_acceptance], timeout=30)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_it_asks_for_a_key_wherever_it_says_so(api: ServedApi, method: str, path: str) -> None:
    operation = DOCUMENT["paths"][path][method.lower()]
    answer = api.client().request(method, path)
    assert (answer.status_code == 401) == ("security" in operation) == path.startswith(("/v1/", "/v3/"))


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_it_never_speaks_of_422(method: str, path: str) -> None:
    assert "422" not in DOCUMENT["paths"][path][method.lower()]["responses"]


def test_its_address_leads_to_the_documentation(api: ServedApi) -> None:
    answer = api.client().get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, "/docs")


def test_its_operations_have_short_names_of_their_own() -> None:
    names = [operation["operationId"] for path in DOCUMENT["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names))
    assert [name for name in names if len(name) > 32] == []


def test_it_describes_each_group_of_operations() -> None:
    named = {tag for path in DOCUMENT["paths"].values() for operation in path.values() for tag in operation["tags"]}
    assert {tag["name"] for tag in DOCUMENT["tags"]} == named


def test_it_shows_its_documentation_without_another_server(api: ServedApi) -> None:
    page = api.client().get("/docs").text
    assert "'/openapi.json'" in page
    assert api.client().get("/openapi.json").json() == DOCUMENT
    assert "://" not in page
    files = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(files) == 3
    for name in files:
        found = api.client().get(name)
        assert (found.status_code, bool(found.content)) == (200, True), name


def as_caller(api: ServedApi, caller: Login) -> type[Any]:
    """Requests that follow from one another's answers, by the links that schemathesis finds between them."""

    class Followed(repeatable.as_state_machine()):  # type: ignore[misc]  # made of the document
        def get_call_kwargs(self, case: schemathesis.Case) -> dict[str, Any]:
            return {"base_url": api.url, "auth": caller.basic, "timeout": 30}

        def validate_response(self, response: Any, case: schemathesis.Case, **sent: Any) -> None:
            # What was dropped or erased can still be read, without its text: it is not gone.
            unfit = [positive_data_acceptance, *([use_after_free] if "/parked/" in case.operation.path else [])]
            case.validate_response(response, excluded_checks=unfit, transport_kwargs=sent)

    return Followed


def test_what_it_says_holds_for_what_follows(api: ServedApi, caller: Login) -> None:
    run_state_machine_as_test(
        as_caller(api, caller),
        settings=settings(
            examples(40),
            stateful_step_count=10,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
