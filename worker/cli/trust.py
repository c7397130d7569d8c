"""`smart-assign trust`: what receipts say of senders, and holding it as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import click

from core.accounts.senders import Senders
from core.errors import NotFoundError, RefusedError
from core.moments import second_text, utc_now
from core.process.redis_clients import PROBING, open_redis
from core.sender import Sender, SenderType, bare_sender_id
from core.trust.book import Standing, TrustBook
from core.trust.keys import SenderKey
from worker.broker_access import queue_access
from worker.cli.output import command, json_option, print_json, print_table, say
from worker.cli.parameters import (
    country_option,
    optional_country,
    owner,
    owner_options,
    sender_id_option,
    sender_type_option,
)
from worker.cli.session import open_session, operator
from worker.configuration import configured


@click.command("show")
@owner_options
@country_option
@json_option
@command
def show(*, account_id: str | None, platform: bool, country: str | None, as_json: bool) -> None:
    """Show what receipts say of senders, by recipient country; a sender that is not listed goes by the inventory."""
    whose, code = owner(account_id, platform), optional_country(country)
    with _opened() as book:
        found = book.listed(whose, code)
    if as_json:
        print_json({"trust": [each.document() for each in found]})
        return
    columns = ("country", "sender", "type", "trust", "delivered", "messages", "health", "as of", "frozen")
    print_table(f"Measured senders of {whose or 'the platform pool'}: {len(found)}", columns, map(_row, found))


@dataclass(frozen=True, slots=True)
class _Wanted:
    account_id: str | None
    sender_id: str | None
    sender_type: SenderType | None
    country: str | None

    @classmethod
    def of(
        cls,
        *,
        account_id: str | None,
        platform: bool,
        sender_id: str | None,
        sender_type: SenderType | None,
        country: str | None,
    ) -> _Wanted:
        """The sender that options name. Raises click.UsageError, and NotFoundError for a country that there is not."""
        return cls(owner(account_id, platform), sender_id, sender_type, optional_country(country))

    def keys(self, book: TrustBook, *, frozen: bool | None = None) -> list[SenderKey]:
        """The sender, in the country named or in all in which something is known of it. Raises SmartAssignError."""
        sender = self._sender()
        bare_id = bare_sender_id(sender.sender_id)
        if self.country is not None:
            return [SenderKey(self.account_id, self.country, sender.sender_type, bare_id)]
        keys = [
            each.key
            for each in book.listed(self.account_id)
            if (each.key.sender_type, each.key.bare_id) == (sender.sender_type, bare_id)
            and frozen in {None, each.frozen is not None}
        ]
        if not keys:
            raise RefusedError("nothing is known of the sender in any country: name one with --country")
        return keys

    def _sender(self) -> Sender:
        with open_session() as session:
            return Senders(session.store).get(self.account_id, self.sender_id, self.sender_type)


def _sender_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that `_Wanted.of` reads."""
    return owner_options(sender_id_option(sender_type_option(country_option(function))))


@click.command("freeze")
@_sender_options
@json_option
@command
def freeze(*, as_json: bool, **named: Any) -> None:
    """Hold a sender's trust and health as they are, whatever receipts come; they are counted all the same.

    Without --country in every country in which something is known of it.
    """
    wanted = _Wanted.of(**named)
    with _opened() as book:
        keys = wanted.keys(book)
        for key in keys:
            book.freeze(key, operator(), utc_now())
        _report(book, keys, "frozen", as_json)


@click.command("unfreeze")
@_sender_options
@json_option
@command
def unfreeze(*, as_json: bool, **named: Any) -> None:
    """Let receipts decide again over a sender's trust and health, those that came meanwhile too."""
    wanted = _Wanted.of(**named)
    with _opened() as book:
        keys = wanted.keys(book, frozen=True)
        unfrozen = [key for key in keys if book.unfreeze(key)]
        if not unfrozen:
            raise NotFoundError("the sender is not frozen there")
        _report(book, unfrozen, "measured again", as_json)


@contextmanager
def _opened() -> Iterator[TrustBook]:
    settings, urls = configured()
    with closing(open_redis(urls.redis_url, PROBING)) as client:
        yield TrustBook(client, settings.key_prefix, lambda: queue_access().broker.progress_redis)


def _report(book: TrustBook, keys: list[SenderKey], fate: str, as_json: bool) -> None:
    known = {each.key: each for each in book.listed(keys[0].owner)}
    found = [known.get(key, Standing(key, None, None)) for key in keys]
    if as_json:
        print_json({"trust": [each.document() for each in found]})
        return
    for each in found:
        document = each.document()
        say(f"{document['sender_type']} {document['sender_id'] or '(pool)'} in {document['country']}: {fate}.")


def _row(standing: Standing) -> tuple[object, ...]:
    key, evidence, frozen = standing.key, standing.evidence, standing.frozen
    names = (key.country, standing.document()["sender_id"] or "(pool)", key.sender_type)
    held = f"{second_text(frozen.at)} by {frozen.by}" if frozen else ""
    if evidence is None:
        return (*names, "of the inventory", "", "", "", "", held)
    trust = "of the inventory" if evidence.trust is None else evidence.trust
    health = "unhealthy" if evidence.unhealthy else "healthy"
    figures = (f"{evidence.delivered:.1f} %", f"{evidence.messages:,}", health, second_text(evidence.as_of))
    return (*names, trust, *figures, held)
