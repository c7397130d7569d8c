"""Names of the epoch scopes: what a cached decision depends on."""

from __future__ import annotations

RULES_SCOPE = "rules"

#: The senders of the platform pool.
PLATFORM_SCOPE = "platform"


def account_scope(account_id: str) -> str:
    """The scope of one account or sub-account: its standing, senders, registrations and defaults."""
    return f"account:{account_id}"
