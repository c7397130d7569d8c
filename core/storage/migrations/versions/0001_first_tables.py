"""First tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Creates all tables."""
    _accounts()
    _senders()
    _defaults()
    _default_history()
    _rules()
    _decisions()
    _parked()
    _epochs()


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("user_id", SERIAL, nullable=False),
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("name", sa.Text()),
        sa.Column("parent_ref", SERIAL),
        sa.Column("may_borrow", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["parent_ref"], ["accounts.user_id"], name=op.f("fk_accounts_parent_ref")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("account_id", name=op.f("uq_accounts_account_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_accounts_parent_ref"), "accounts", ["parent_ref"])
    op.create_table(
        "api_keys",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("account_ref", SERIAL, nullable=False),
        sa.Column("prefix", sa.String(16), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT),
        sa.ForeignKeyConstraint(["account_ref"], ["accounts.user_id"], name=op.f("fk_api_keys_account_ref")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
    )
    op.create_index(op.f("ix_api_keys_account_ref"), "api_keys", ["account_ref"])


def _senders() -> None:
    op.create_table(
        "senders",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("identity", sa.String(64), nullable=False),
        sa.Column("account_ref", SERIAL),
        sa.Column("sender_id", sa.String(16)),
        sa.Column("sender_type", sa.String(16), nullable=False),
        sa.Column("country", sa.String(2)),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("purchased_at", MOMENT),
        sa.Column("activated_at", MOMENT),
        sa.Column("expires_at", MOMENT),
        sa.Column("trust", sa.Integer(), nullable=False),
        sa.Column("two_way", sa.Boolean(), nullable=False),
        sa.Column("mms", sa.Boolean(), nullable=False),
        sa.Column("messages_per_second", sa.Float()),
        sa.Column("traffic_classes", sa.String(64)),
        sa.ForeignKeyConstraint(["account_ref"], ["accounts.user_id"], name=op.f("fk_senders_account_ref")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_senders")),
        sa.UniqueConstraint("identity", name=op.f("uq_senders_identity")),
    )
    op.create_index(op.f("ix_senders_account_ref_id"), "senders", ["account_ref", "id"])
    op.create_table(
        "registrations",
        sa.Column("sender_ref", SERIAL, autoincrement=False, nullable=False),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("valid_from", MOMENT),
        sa.Column("valid_until", MOMENT),
        sa.ForeignKeyConstraint(
            ["sender_ref"], ["senders.id"], name=op.f("fk_registrations_sender_ref"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("sender_ref", "country", name=op.f("pk_registrations")),
    )


def _defaults() -> None:
    op.create_table(
        "default_senders",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_ref", SERIAL, nullable=False),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("product", sa.String(8), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("origin", sa.String(16), nullable=False),
        sa.Column("created_timestamp", MOMENT, nullable=False),
        sa.Column("updated_timestamp", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["account_ref"], ["accounts.user_id"], name=op.f("fk_default_senders_account_ref")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_default_senders")),
        sa.UniqueConstraint(
            "account_ref", "country", "product", name=op.f("uq_default_senders_account_ref_country_product")
        ),
    )
    for column in ("created_timestamp", "updated_timestamp"):
        columns = ["account_ref", column, "id"]
        op.create_index(op.f(f"ix_default_senders_account_ref_{column}_id"), "default_senders", columns)
    op.create_table(
        "default_strategies",
        sa.Column("default_ref", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sender_type", sa.String(16), nullable=False),
        sa.Column("sender_id", sa.String(16)),
        sa.Column("sender_country_code", sa.String(2)),
        sa.Column("note", sa.String(200)),
        sa.Column("status", sa.String(16), nullable=False),
        sa.ForeignKeyConstraint(
            ["default_ref"], ["default_senders.id"], name=op.f("fk_default_strategies_default_ref"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("default_ref", "position", name=op.f("pk_default_strategies")),
    )


def _default_history() -> None:
    op.create_table(
        "default_history",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("account_ref", SERIAL, nullable=False),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("product", sa.String(8), nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("changed_by", sa.String(200), nullable=False),
        sa.Column("before", sa.JSON(none_as_null=True)),
        sa.Column("after", sa.JSON(none_as_null=True)),
        sa.ForeignKeyConstraint(["account_ref"], ["accounts.user_id"], name=op.f("fk_default_history_account_ref")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_default_history")),
    )
    columns = ["account_ref", "changed_at"]
    op.create_index(op.f("ix_default_history_account_ref_changed_at"), "default_history", columns)


def _rules() -> None:
    op.create_table(
        "rule_versions",
        sa.Column("version", sa.String(100), nullable=False),
        sa.Column("origin", sa.String(16), nullable=False),
        sa.Column("imported_at", MOMENT, nullable=False),
        sa.Column("imported_by", sa.String(200), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_rule_versions")),
    )
    active = sa.text("active")
    op.create_index(
        "uq_rule_versions_active",
        "rule_versions",
        ["active"],
        unique=True,
        postgresql_where=active,
        sqlite_where=active,
    )
    op.create_table(
        "rule_overrides",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("sender_type", sa.String(16), nullable=False),
        sa.Column("sender_country", sa.String(16), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("unregistered", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("until", MOMENT),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.Column("removed_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_overrides")),
    )


def _decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("decision_id", sa.String(64), nullable=False),
        sa.Column("account_id", sa.String(64)),
        sa.Column("subaccount_id", sa.String(64)),
        sa.Column("country", sa.String(8)),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_decisions")),
    )
    op.create_index(op.f("ix_decisions_account_id_made_at"), "decisions", ["account_id", "made_at"])
    op.create_index(op.f("ix_decisions_made_at"), "decisions", ["made_at"])


def _parked() -> None:
    op.create_table(
        "parked",
        sa.Column("parked_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(64), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("fields", sa.JSON(none_as_null=True)),
        sa.Column("message_id", sa.Text()),
        sa.Column("campaign_id", sa.Text()),
        sa.Column("batch_id", sa.Text()),
        sa.Column("account_id", sa.Text()),
        sa.Column("subaccount_id", sa.Text()),
        sa.Column("country", sa.Text()),
        sa.Column("lane", sa.String(200), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("parked_at", MOMENT, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("state_changed_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("parked_id", name=op.f("pk_parked")),
    )
    tail = ["state", "parked_at", "parked_id"]
    op.create_index(op.f("ix_parked_state_parked_at_parked_id"), "parked", tail)
    for column in ("reason", "account_id", "subaccount_id", "campaign_id", "country"):
        op.create_index(op.f(f"ix_parked_{column}_state_parked_at_parked_id"), "parked", [column, *tail])


def _epochs() -> None:
    op.create_table(
        "epochs",
        sa.Column("scope", sa.String(100), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_epochs")),
    )
    op.create_index(op.f("ix_epochs_changed_at"), "epochs", ["changed_at"])
