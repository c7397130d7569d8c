"""A PostgreSQL database of any size, filled by the server itself: accounts, keys, senders, defaults, parked messages."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, text

#: One in ten accounts is a sub-account of the account nine or fewer places before it.
_FILL = (
    """INSERT INTO accounts (account_id, parent_ref, may_borrow, status, created_at)
       SELECT 'acct-' || n, NULL, true, 'active', now() FROM generate_series(1, :accounts) n""",
    """UPDATE accounts SET parent_ref = user_id - 1 - user_id / 10 % 9 WHERE user_id % 10 = 0""",
    """INSERT INTO api_keys (account_ref, prefix, salt, digest, created_at)
       SELECT user_id, 'volume', '\\x00', decode(md5(account_id), 'hex'), now() FROM accounts""",
    """INSERT INTO senders (identity, account_ref, sender_id, sender_type, country, status, purchased_at, trust,
                            two_way, mms)
       SELECT user_id || '/longcode/61' || number, user_id, '+61' || number, 'longcode', 'AU', 'active',
              now() - n * interval '1 day', 50, true, false
       FROM accounts, generate_series(1, :senders - 1) n,
            LATERAL (SELECT 400000000 + user_id * 50 + n AS number) numbered""",
    """INSERT INTO senders (identity, account_ref, sender_id, sender_type, country, status, trust, two_way, mms)
       SELECT user_id || '/alpha_tag/Shop' || user_id % 1000, user_id, 'Shop' || user_id % 1000, 'alpha_tag', NULL,
              'active', 50, false, false
       FROM accounts""",
    """INSERT INTO registrations (sender_ref, country, status)
       SELECT id, c.country, 'approved' FROM senders, (VALUES ('AU'), ('GB')) c(country) WHERE sender_type = 'alpha_tag'""",
    """INSERT INTO default_senders (id, account_ref, country, product, status, origin, created_timestamp,
                                    updated_timestamp)
       SELECT gen_random_uuid(), user_id, country, 'SMS', 'ENABLED', 'manual', now(), now()
       FROM accounts, (VALUES ('DE'), ('DK'), ('SE')) c(country)""",
    """INSERT INTO default_strategies (default_ref, position, sender_type, sender_id, status)
       SELECT id, 0, 'alpha_tag', 'Shop' || account_ref % 1000, 'ENABLED' FROM default_senders""",
    """INSERT INTO default_history (account_ref, country, product, changed_at, changed_by)
       SELECT account_ref, country, product, created_timestamp, 'volume' FROM default_senders""",
    """INSERT INTO destinations (account_ref, country, mode, changed_at, changed_by)
       SELECT user_id, country, 'allow', now(), 'volume' FROM accounts, (VALUES ('AU'), ('DE')) c(country)""",
    """INSERT INTO decisions (decision_id, account_id, country, document, made_at)
       SELECT 'dec-' || user_id, account_id, 'AU', '{"account_id": "' || account_id || '"}', now() FROM accounts""",
    """INSERT INTO parked (parked_id, reason, detail, account_id, country, campaign_id, lane, document, parked_at,
                           state, state_changed_at)
       SELECT 'prk-' || user_id, 'NO_COMPLIANT_SENDER', 'none', account_id, 'AU', 'c-' || user_id % 100,
              'smart-assign.ingress', '\\x7b7d', now() - user_id * interval '1 second', 'parked', now()
       FROM accounts""",
    """INSERT INTO epochs (scope, value, changed_at) SELECT 'account:' || account_id, 1, now() FROM accounts""",
)


@dataclass(frozen=True, slots=True)
class Volume:
    """How much there is; `account`, `parent` and `child` are ids of ordinary accounts of each kind."""

    accounts: int
    senders: int

    @property
    def account(self) -> str:
        return f"acct-{self.accounts // 2 + 3}"

    @property
    def child(self) -> str:
        return f"acct-{self._child}"

    @property
    def parent(self) -> str:
        return f"acct-{self._child - 1 - self._child // 10 % 9}"

    @property
    def _child(self) -> int:
        return self.accounts // 20 * 10


def fill(engine: Engine, accounts: int, senders_each: int = 10) -> Volume:
    """Fill an empty, migrated database, and let the server count it."""
    with engine.connect() as connection, connection.begin():
        for statement in _FILL:
            named = {"accounts": accounts, "senders": senders_each}
            connection.execute(
                text(statement), {name: value for name, value in named.items() if f":{name}" in statement}
            )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    return Volume(accounts, accounts * senders_each)
