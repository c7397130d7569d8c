"""ClickSend's own generated client, unchanged, with only the host swapped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from clicksend import ApiClient, Configuration, DefaultSendersApi
from clicksend.exceptions import (
    BadRequestException,
    ConflictException,
    ForbiddenException,
    NotFoundException,
    UnauthorizedException,
)
from clicksend.models.create_default_sender_request import CreateDefaultSenderRequest
from clicksend.models.default_sender import DefaultSender
from clicksend.models.update_default_sender_request import UpdateDefaultSenderRequest

from core.accounts.accounts import Accounts
from core.defaults.changes import DefaultChange, write_changes
from core.defaults.rows import DefaultOrigin
from core.defaults.strategies import Strategy
from core.moments import utc_now
from core.rules.files import shipped_rules
from core.sender import Product, SenderType
from tests.support.accounts import AU_NUMBER, NAME
from tests.support.served import AU_STRATEGY, Login, ServedApi, body_of

BODY = body_of("DE")


def default_senders(api: ServedApi, login: Login) -> DefaultSendersApi:
    configuration = Configuration(host=api.url, username=login.account_id, password=login.key)
    return DefaultSendersApi(ApiClient(configuration))


@pytest.fixture
def clicksend(api: ServedApi, acme: Login) -> Iterator[DefaultSendersApi]:
    made = default_senders(api, acme)
    yield made
    made.api_client.rest_client.pool_manager.clear()


def create(client: DefaultSendersApi, body: Mapping[str, Any] = BODY, **options: Any) -> DefaultSender:
    data = client.create_default_sender(
        create_default_sender_request=CreateDefaultSenderRequest.from_dict(dict(body)), **options
    ).data
    assert isinstance(data, DefaultSender)
    return data


def update(client: DefaultSendersApi, default_id: str, strategy: dict[str, Any], **options: Any) -> DefaultSender:
    body = UpdateDefaultSenderRequest.from_dict({"default_sender_strategies": [strategy]})
    data = client.update_default_sender(default_id, update_default_sender_request=body, **options).data
    assert isinstance(data, DefaultSender)
    return data


def reasons(error: BadRequestException) -> dict[str, str]:
    """Field and reason as the client's own model reads them."""
    assert (error.data.http_code, error.data.response_code, error.data.data) == (400, "BAD_REQUEST", None)
    return {detail.var_field: detail.reason for detail in error.data.details}


def test_it_takes_a_default_sender_all_the_way_round(clicksend: DefaultSendersApi) -> None:
    made = create(clicksend)
    assert (made.country_code, made.product_type, made.status) == ("DE", "SMS", "ENABLED")
    assert clicksend.get_default_sender_details(made.id).data == made

    changed = update(clicksend, made.id, {"sender_type": "alpha_tag", "sender_id": NAME})
    assert [each.sender_id for each in changed.default_sender_strategies] == [NAME]
    assert clicksend.get_default_senders_list().data.data == [changed]

    assert clicksend.delete_default_sender_with_http_info(made.id).status_code == 204
    assert clicksend.get_default_senders_list().data.data == []
    with pytest.raises(NotFoundException):
        clicksend.get_default_sender_details(made.id)


def test_it_reads_content_types_as_the_client_sends_them(clicksend: DefaultSendersApi) -> None:
    made = create(clicksend, content_type="application/json")
    for answer in (
        clicksend.get_default_sender_details_with_http_info(made.id, content_type="application/json"),
        clicksend.get_default_senders_list_with_http_info(content_type="application/json"),
    ):
        assert answer.status_code == 200
    assert update(clicksend, made.id, AU_STRATEGY, content_type="application/json").id == made.id
    gone = clicksend.delete_default_sender_with_http_info(made.id, content_type="application/json")
    assert gone.status_code == 204


def test_it_shows_the_client_which_field_is_to_blame(clicksend: DefaultSendersApi) -> None:
    not_owned = body_of("DE", AU_STRATEGY | {"sender_id": "+61491570110"})
    with pytest.raises(BadRequestException) as refused:
        create(clicksend, not_owned)
    assert reasons(refused.value) == {"default_sender_strategies[0].sender_id": "is not a sender of this account"}

    with pytest.raises(BadRequestException) as refused:
        create(clicksend, body_of("XX"))
    assert list(reasons(refused.value)) == ["country_code"]

    made = create(clicksend)
    no_country = {"sender_type": "longcode", "sender_id": AU_NUMBER}
    with pytest.raises(BadRequestException) as refused:
        update(clicksend, made.id, no_country)
    assert list(reasons(refused.value)) == ["default_sender_strategies[0].sender_country_code"]


def test_it_gives_the_client_its_exceptions(api: ServedApi, acme: Login, clicksend: DefaultSendersApi) -> None:
    create(clicksend)
    with pytest.raises(ConflictException):
        create(clicksend)
    with pytest.raises(UnauthorizedException):
        default_senders(api, Login(acme.account_id, "wrong")).get_default_senders_list()
    inherited = clicksend.get_default_senders_list().data.data[0]
    below = default_senders(api, api.account(parent=acme))
    with pytest.raises(ForbiddenException):
        below.delete_default_sender(inherited.id)


@pytest.mark.parametrize("count", [1, 2, 98])
def test_it_tells_the_client_what_countries_accept(clicksend: DefaultSendersApi, count: int) -> None:
    wanted = list(shipped_rules().countries())[:count]
    found = clicksend.list_compliant_sender_types("SMS", filter_country_code_index=wanted).data.data
    assert [each.recipient_country_code for each in found] == wanted


def test_it_tells_the_client_of_all_countries(clicksend: DefaultSendersApi) -> None:
    for product in ("SMS", "MMS"):
        found = clicksend.list_compliant_sender_types(product).data.data
        assert [each.recipient_country_code for each in found] == list(shipped_rules().countries())


@pytest.fixture(scope="module")
def family(api: ServedApi) -> Login:
    """An account with 1,200 default senders among its own and its sub-accounts'; half were made at one moment."""
    above, accounts = api.account(), Accounts(api.store)
    below = [accounts.add(f"{above.account_id}-{number}", parent=above.account_id)[0] for number in range(4)]
    now = utc_now()
    with api.store.writing() as write:
        for number, holder in enumerate([accounts.get(above.account_id), *below]):
            keys = [(holder.user_id, country, Product.SMS) for country in shipped_rules().countries()[:240]]
            changes = [DefaultChange(key, None, (Strategy(SenderType.ALPHA_TAG, NAME),)) for key in keys]
            write_changes(
                write, changes, origin=DefaultOrigin.MANUAL, by="test", now=now + timedelta(seconds=max(0, number - 2))
            )
    return above


@pytest.mark.parametrize("sort_direction", [None, "asc"])
@pytest.mark.parametrize("per_page", [1, 7, 500])
def test_it_leads_the_client_through_every_page(
    api: ServedApi, family: Login, per_page: int, sort_direction: str | None
) -> None:
    if per_page == 1 and (sort_direction or api.store.engine.dialect.name == "sqlite"):
        pytest.skip("1,200 requests once are enough")
    found = list(walk(default_senders(api, family), per_page, sort_direction))
    assert len(found) == len({each.id for each in found}) == 1_200
    keys = [(each.created_timestamp, each.id) for each in found]
    assert keys == sorted(keys, reverse=sort_direction is None)
    assert len({each.subaccount_id for each in found}) == 5


def walk(client: DefaultSendersApi, per_page: int, sort_direction: str | None) -> Iterator[DefaultSender]:
    """Page by page, as a client does that takes `offset` out of the link."""
    offset = None
    while True:
        page = client.get_default_senders_list(offset=offset, per_page=per_page, sort_direction=sort_direction).data
        assert page.per_page == per_page
        yield from page.data
        if page.next_page_url is None:
            return
        assert len(page.data) == per_page
        query = urlsplit(page.next_page_url).query
        offset = parse_qs(query)["offset"][0]


def test_it_leads_through_the_pages_by_their_links(api: ServedApi, family: Login) -> None:
    client, found = api.client(family), []
    link = "/v3/senders/default-senders?per_page=500&sort_by=country_code"
    while link:
        page = client.get(link).json()["data"]
        found += page["data"]
        link = page["next_page_url"]
        assert page["self_page_url"].startswith(api.url)
    assert len({each["id"] for each in found}) == 1_200
