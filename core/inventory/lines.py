"""The checked lines of an inventory file: accounts, senders, registrations, defaults and destinations."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.accounts.accounts import AccountStatus
from core.defaults.strategies import Strategy
from core.engine.destinations import DestinationMode
from core.sender import Product, Registration, Sender, SenderType, bare_sender_id


class Kind(StrEnum):
    """What a line is about; the order is that in which the kinds are written."""

    ACCOUNT = "account"
    SENDER = "sender"
    REGISTRATION = "registration"
    DEFAULT = "default"
    DESTINATION = "destination"


@dataclass(frozen=True, slots=True)
class AccountLine:
    """An account. `given` names the fields that the line holds."""

    line: int
    given: frozenset[str]
    account_id: str
    name: str | None
    parent: str | None
    may_borrow: bool
    status: AccountStatus
    api_key: str | None

    @property
    def key(self) -> tuple[object, ...]:
        """What may stand in a file once."""
        return (Kind.ACCOUNT, self.account_id)


@dataclass(frozen=True, slots=True)
class SenderLine:
    """A sender, without registrations."""

    line: int
    given: frozenset[str]
    sender: Sender

    @property
    def account_id(self) -> str | None:
        """The owner; None: the platform pool."""
        return self.sender.account_id

    @property
    def key(self) -> tuple[object, ...]:
        """What may stand in a file once."""
        sender = self.sender
        return (Kind.SENDER, sender.account_id, sender.sender_type, bare_sender_id(sender.sender_id))


@dataclass(frozen=True, slots=True)
class RegistrationLine:
    """A registration of a sender that the file or the database holds."""

    line: int
    given: frozenset[str]
    account_id: str | None
    sender_id: str | None
    sender_type: SenderType
    registration: Registration

    @property
    def key(self) -> tuple[object, ...]:
        """What may stand in a file once."""
        sender = (self.account_id, self.sender_type, bare_sender_id(self.sender_id))
        return (Kind.REGISTRATION, *sender, self.registration.country)


@dataclass(frozen=True, slots=True)
class DefaultLine:
    """A default sender."""

    line: int
    given: frozenset[str]
    account_id: str
    country: str
    product: Product
    strategies: tuple[Strategy, ...]

    @property
    def key(self) -> tuple[object, ...]:
        """What may stand in a file once."""
        return (Kind.DEFAULT, self.account_id, self.country, self.product)


@dataclass(frozen=True, slots=True)
class DestinationLine:
    """Whether an account sends to a country; `country` None: to the rest of the world."""

    line: int
    given: frozenset[str]
    account_id: str
    country: str | None
    mode: DestinationMode

    @property
    def key(self) -> tuple[object, ...]:
        """What may stand in a file once."""
        return (Kind.DESTINATION, self.account_id, self.country)


Line = AccountLine | SenderLine | RegistrationLine | DefaultLine | DestinationLine
