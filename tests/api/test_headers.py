"""What surrounds an answer: headers for browsers, and links that do not believe the client."""

from __future__ import annotations

import httpx
import pytest

from tests.support.served import DEFAULTS, NAME_STRATEGY, Login, ServedApi, body_of, running_server

PATHS = ["/healthz", "/docs", "/openapi.json", "/nowhere", DEFAULTS, "/v1/senders"]


@pytest.mark.parametrize("path", PATHS)
def test_it_tells_browsers_what_they_must_not_do(visitor: httpx.Client, path: str) -> None:
    headers = visitor.get(path).headers
    assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")
    assert headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert (headers.get("cache-control") == "no-store") == path.startswith(("/v1", "/v3"))
    assert "strict-transport-security" not in headers


def links(client: httpx.Client) -> list[str]:
    page = client.get(DEFAULTS, params={"per_page": 1}, headers={"host": "evil.example"}).json()["data"]
    return [page["self_page_url"], page["next_page_url"]]


def test_it_leads_to_where_it_was_reached_whatever_host_the_client_names(api: ServedApi, client: httpx.Client) -> None:
    for country in ("DE", "DK"):
        assert client.post(DEFAULTS, json=body_of(country, NAME_STRATEGY)).status_code == 200
    assert [link.startswith(f"{api.url}{DEFAULTS}?per_page=1") for link in links(client)] == [True, True]


PUBLIC = [
    pytest.param("https://sms.example.com", "https://sms.example.com", id="a host"),
    pytest.param("http://sms.example.com:8080/smart/", "http://sms.example.com:8080/smart", id="a path"),
]


@pytest.mark.parametrize(("public", "begins"), PUBLIC)
def test_it_leads_to_the_public_address(api: ServedApi, acme: Login, public: str, begins: str) -> None:
    api.default(acme, "DE", NAME_STRATEGY)
    api.default(acme, "DK", NAME_STRATEGY)
    settings = api.settings.model_copy(update={"api_public_url": public})
    with running_server(settings) as url, httpx.Client(base_url=url, auth=acme.basic) as client:
        found = links(client)
        assert [link.startswith(f"{begins}{DEFAULTS}?per_page=1") for link in found] == [True, True]
        tls = client.get("/healthz").headers.get("strict-transport-security")
    assert (tls is not None) == public.startswith("https:")


@pytest.mark.parametrize("public", ["sms.example.com", "https://", "https://u:p@host", "https://h/?q", "ftp://h"])
def test_it_refuses_an_address_that_is_none(api: ServedApi, public: str) -> None:
    with pytest.raises(ValueError, match="api_public_url"):
        type(api.settings)(**api.settings.model_dump() | {"api_public_url": public})
