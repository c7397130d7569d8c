"""`smart-assign accounts`: accounts, sub-accounts and their API keys."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

import click

from core.accounts.accounts import Account, Accounts
from core.accounts.logins import ApiKeys
from core.documents import account_document, key_document
from core.moments import second_text
from worker.cli.output import command, json_option, print_json, print_table, say, warn
from worker.cli.parameters import Moment
from worker.cli.session import Session, open_session

_PAGE = 500

_key_option = click.option(
    "--key", "key_id", type=int, required=True, metavar="ID", help="The id that `key list` shows."
)


def _account_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    """ACCOUNT as an argument, or as `--account`, as every other group of commands has it."""

    @click.argument("account", metavar="ACCOUNT", required=False)
    @click.option("--account", "--account-id", "named", metavar="ACCOUNT", help="The same as the argument.")
    @wraps(function)
    def with_account(account: str | None, named: str | None, **rest: Any) -> Any:
        if (account is None) == (named is None):
            raise click.UsageError("name one ACCOUNT")
        return function(account_id=account or named or "", **rest)

    return with_account


@click.command("list")
@click.option("--parent", metavar="ACCOUNT", help="Its sub-accounts only.")
@json_option
@command
def list_accounts(parent: str | None, as_json: bool) -> None:
    """List accounts and sub-accounts by id."""
    with open_session() as session:
        found = _all(session, parent)
    if as_json:
        print_json({"accounts": [account_document(account) for account in found]})
        return
    columns = ("account", "user id", "name", "parent", "may borrow", "status", "since")
    print_table("", columns, map(_row, found))


def _all(session: Session, parent: str | None) -> list[Account]:
    found: list[Account] = []
    while True:
        page = Accounts(session.store).page(parent=parent, after=found[-1].account_id if found else None, limit=_PAGE)
        found += page
        if len(page) < _PAGE:
            return found


def _row(account: Account) -> tuple[object, ...]:
    borrows = "" if account.parent is None else "yes" if account.may_borrow else "no"
    names = (account.account_id, account.user_id, account.name, account.parent)
    return *names, borrows, account.status, second_text(account.created_at)


@click.command("add")
@_account_argument
@click.option("--name", help="What people call it.")
@click.option("--parent", metavar="ACCOUNT", help="Makes it a sub-account of this account.")
@click.option("--may-borrow/--no-borrow", default=True, help="Whether a sub-account may use its account's senders.")
@json_option
@command
def add(*, account_id: str, name: str | None, parent: str | None, may_borrow: bool, as_json: bool) -> None:
    """Add an account, or a sub-account, with an API key, which is shown this once."""
    with open_session() as session:
        account, key = Accounts(session.store).add(account_id, name=name, parent=parent, may_borrow=may_borrow)
    _tell_key(account, key, as_json)


@click.command("suspend")
@_account_argument
@json_option
@command
def suspend(account_id: str, as_json: bool) -> None:
    """Stop an account and its sub-accounts from sending; their messages are parked."""
    with open_session() as session:
        account = Accounts(session.store).suspend(account_id)
    _tell_status(account, as_json)


@click.command("resume")
@_account_argument
@json_option
@command
def resume(account_id: str, as_json: bool) -> None:
    """Let a suspended account send again; what was parked meanwhile waits for `parked replay`."""
    with open_session() as session:
        account = Accounts(session.store).resume(account_id)
    _tell_status(account, as_json)


def _tell_status(account: Account, as_json: bool) -> None:
    if as_json:
        print_json(account_document(account))
    else:
        say(f"Account {account.account_id} is {account.status}.")


@click.command("add")
@_account_argument
@click.option("--name", help="What the key is for.")
@click.option("--expires", "expires_at", type=Moment(), metavar="TIME", help="When it ends; without it, it does not.")
@json_option
@command
def key_add(*, account_id: str, name: str | None, expires_at: datetime | None, as_json: bool) -> None:
    """Add an API key, which is shown this once; those there already stay good."""
    with open_session() as session:
        account = Accounts(session.store).get(account_id)
        key = ApiKeys(session.store).add(account_id, name=name, expires_at=expires_at)
    _tell_key(account, key, as_json)


@click.command("rotate")
@_account_argument
@_key_option
@click.option(
    "--overlap",
    "overlap_h",
    type=click.IntRange(0, 24 * 365),
    default=24,
    show_default=True,
    metavar="HOURS",
    help="How long the old key stays good.",
)
@json_option
@command
def key_rotate(*, account_id: str, key_id: int, overlap_h: int, as_json: bool) -> None:
    """Add a key in the place of another, which ends after an overlap; the new one is shown this once."""
    with open_session() as session:
        account = Accounts(session.store).get(account_id)
        key = ApiKeys(session.store).rotate(account_id, key_id, timedelta(hours=overlap_h))
    _tell_key(account, key, as_json)


def _tell_key(account: Account, key: str, as_json: bool) -> None:
    if as_json:
        print_json({"account_id": account.account_id, "user_id": account.user_id, "api_key": key})
        return
    say(f"Account {account.account_id}, user id {account.user_id}, API key {key}")
    warn("The key is kept as a hash only: note it now.")


@click.command("list")
@_account_argument
@json_option
@command
def key_list(account_id: str, as_json: bool) -> None:
    """List API keys by their first characters."""
    with open_session() as session:
        keys = [key_document(key) for key in ApiKeys(session.store).of(account_id)]
    if as_json:
        print_json({"keys": keys})
    else:
        columns = ("id", "begins", "name", "added", "last used", "expires", "revoked")
        print_table("", columns, [tuple(key.values()) for key in keys])


@click.command("revoke")
@_account_argument
@_key_option
@json_option
@command
def key_revoke(account_id: str, key_id: int, as_json: bool) -> None:
    """Make an API key useless."""
    with open_session() as session:
        ApiKeys(session.store).revoke(account_id, key_id)
    if as_json:
        print_json({"account_id": account_id, "revoked": key_id})
    else:
        say(f"Key {key_id} of account {account_id} is revoked.")
