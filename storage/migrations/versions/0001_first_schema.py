"""Creates all tables: the first version of the schema."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NEWEST_FIRST = (
    "attempt",
    "edge_drift",
    "handshake",
    "signing_key",
    "freeze",
    "maintenance_window",
    "saved_change",
    "saved_plan",
    "last_binding",
    "sync",
    "rate_budget",
    "lock",
    "delivery",
    "contact",
    "quota_entry",
    "owner",
    "task_event",
    "change",
    "task_certificate",
    "task",
    "installation",
    "resource",
    "account",
    "certificate",
)


def upgrade() -> None:
    """Create all tables."""
    _certificates()
    _accounts()
    _tasks()
    _changes()
    _events()
    _quota()
    _contacts()
    _coordination()
    _syncs()
    _saved_plans()
    _calendar()
    _evidence()


def downgrade() -> None:
    """Drop all tables; their indices go with them."""
    for table in NEWEST_FIRST:
        op.drop_table(table)


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _time(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _json(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.JSON(none_as_null=True), nullable=nullable)


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=nullable)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False)


def _sealed() -> sa.Column[bytes]:
    return sa.Column("sealed", sa.LargeBinary(), nullable=False)


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}")


def _parent(table: str, column: str, parent: str, *, cascade: bool) -> sa.ForeignKeyConstraint:
    table_name, _, _ = parent.partition(".")
    return sa.ForeignKeyConstraint(
        [column],
        [parent],
        name=f"fk_{table}_{column}_{table_name}",
        ondelete="CASCADE" if cascade else None,
    )


def _of_task(table: str) -> sa.ForeignKeyConstraint:
    return _parent(table, "task_id", "task.id", cascade=False)


def _certificates() -> None:
    op.create_table(
        "certificate",
        _text("fingerprint"),
        _text("name"),
        _time("not_after"),
        _json("document"),
        _sealed(),
        _time("added_at"),
        _text("replaces", nullable=True),
        _json("policy", nullable=True),
        _key("certificate", "fingerprint"),
        sa.UniqueConstraint("name", name="uq_certificate_name"),
    )
    op.create_index("ix_certificate_replaces", "certificate", ["replaces"])


def _accounts() -> None:
    op.create_table(
        "account",
        _text("name"),
        _text("provider"),
        _json("document"),
        _sealed(),
        _key("account", "name"),
    )
    op.create_table(
        "resource",
        _text("id"),
        _text("account"),
        _text("service"),
        _json("document"),
        _json("binding", nullable=True),
        _flag("binding_known"),
        _json("tags"),
        _text("serves", nullable=True),
        _time("not_after", nullable=True),
        _time("seen_at"),
        _time("read_at", nullable=True),
        _time("checked_at", nullable=True),
        _time("vanished_at", nullable=True),
        _key("resource", "id"),
        _parent("resource", "account", "account.name", cascade=True),
    )
    op.create_index("ix_resource_account_service", "resource", ["account", "service"])
    op.create_index("ix_resource_serves", "resource", ["serves"])
    op.create_index("ix_resource_not_after", "resource", ["not_after"])
    op.create_table(
        "installation",
        _text("fingerprint"),
        _text("account"),
        _text("store"),
        _json("ref", nullable=True),
        _time("installed_at"),
        _flag("uploaded"),
        _key("installation", "fingerprint", "account", "store"),
        _parent("installation", "fingerprint", "certificate.fingerprint", cascade=True),
        _parent("installation", "account", "account.name", cascade=True),
    )


def _tasks() -> None:
    op.create_table(
        "task",
        _text("id"),
        _text("name"),
        _text("status"),
        _text("digest"),
        _json("certificates"),
        _json("contacts"),
        _json("plan"),
        _time("at"),
        _time("rollback_until"),
        _number("cost"),
        _number("concurrency"),
        _json("rollout"),
        _json("checks"),
        _number("unverifiable"),
        _text("plan_id", nullable=True),
        _text("windows_ignored", nullable=True),
        _json("draft", nullable=True),
        _time("created_at"),
        _text("created_by"),
        _time("started_at", nullable=True),
        _time("ended_at", nullable=True),
        _time("deleted_at", nullable=True),
        _key("task", "id"),
    )
    op.create_index("ix_task_created_at", "task", ["created_at"])
    not_deleted = sa.text("deleted_at IS NULL")
    op.create_index(
        "uq_task_name_not_deleted",
        "task",
        ["name"],
        unique=True,
        sqlite_where=not_deleted,
        postgresql_where=not_deleted,
    )
    op.create_table(
        "task_certificate",
        _text("fingerprint"),
        _text("task_id"),
        _key("task_certificate", "fingerprint", "task_id"),
        _of_task("task_certificate"),
    )
    op.create_index("ix_task_certificate_task_id", "task_certificate", ["task_id"])


def _changes() -> None:
    op.create_table(
        "change",
        _text("task_id"),
        _number("ordinal"),
        _text("resource_id"),
        _text("account"),
        _text("service"),
        _number("cost"),
        _text("after", nullable=True),
        _json("document"),
        _number("wave"),
        _number("round"),
        _text("status"),
        _flag("applied"),
        _flag("deployed"),
        _number("attempts"),
        _json("cause", nullable=True),
        _time("started_at", nullable=True),
        _time("ended_at", nullable=True),
        _key("change", "task_id", "ordinal"),
        _of_task("change"),
        sa.UniqueConstraint("task_id", "resource_id", name="uq_change_task_id_resource_id"),
    )
    op.create_index("ix_change_task_id_status", "change", ["task_id", "status"])
    op.create_index("ix_change_account_service", "change", ["account", "service"])


def _events() -> None:
    op.create_table(
        "task_event",
        _number("id"),
        _text("task_id"),
        _time("at"),
        _text("code"),
        _text("by"),
        _text("text"),
        _key("task_event", "id"),
        _of_task("task_event"),
    )
    op.create_index("ix_task_event_task_id", "task_event", ["task_id"])


def _quota() -> None:
    op.create_table("owner", _text("name"), _key("owner", "name"))
    op.create_table(
        "quota_entry",
        _number("id"),
        _text("owner"),
        _time("at"),
        _text("kind"),
        _number("amount"),
        _text("task_id", nullable=True),
        _number("round"),
        _text("note"),
        _key("quota_entry", "id"),
        _parent("quota_entry", "owner", "owner.name", cascade=False),
        _of_task("quota_entry"),
        sa.UniqueConstraint("task_id", "kind", "round", name="uq_quota_entry_task_id_kind_round"),
        sa.CheckConstraint("amount > 0", name=op.f("ck_quota_entry_amount_positive")),
    )
    op.execute("INSERT INTO owner (name) VALUES ('default')")


def _contacts() -> None:
    op.create_table(
        "contact",
        _text("name"),
        _text("kind"),
        _json("events", nullable=True),
        _text("redacted_address"),
        _sealed(),
        _key("contact", "name"),
    )
    op.create_table(
        "delivery",
        _number("id"),
        _text("task_id", nullable=True),
        _text("event"),
        _text("subject", nullable=True),
        _text("contact"),
        _flag("ok"),
        _text("detail"),
        _time("at"),
        _key("delivery", "id"),
        _of_task("delivery"),
    )
    op.create_index("ix_delivery_task_id", "delivery", ["task_id"])
    op.create_index("ix_delivery_contact_subject", "delivery", ["contact", "subject"])


def _coordination() -> None:
    op.create_table(
        "lock",
        _text("name"),
        _text("holder"),
        _text("token"),
        sa.Column("until", sa.Float(), nullable=False),
        sa.Column("renewed_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_lock"),
    )
    op.create_table(
        "rate_budget",
        _text("name"),
        sa.Column("next_at", sa.Float(), nullable=False),
        sa.Column("issued_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_rate_budget"),
    )


def _syncs() -> None:
    op.create_table(
        "sync",
        _text("account"),
        _text("service"),
        _text("run"),
        _time("began_at"),
        _text("page", nullable=True),
        _number("seen"),
        _number("total", nullable=True),
        _number("vanished"),
        _number("to_read", nullable=True),
        _number("were_read"),
        _time("ended_at", nullable=True),
        _json("error", nullable=True),
        _time("complete_at", nullable=True),
        _key("sync", "account", "service"),
        _parent("sync", "account", "account.name", cascade=True),
    )
    op.create_table(
        "last_binding",
        _text("resource_id"),
        _text("account"),
        _json("binding"),
        _time("at"),
        _key("last_binding", "resource_id"),
        _parent("last_binding", "account", "account.name", cascade=True),
    )
    op.create_index("ix_last_binding_account", "last_binding", ["account"])


def _saved_plans() -> None:
    op.create_table(
        "saved_plan",
        _text("id"),
        _text("name"),
        _text("digest"),
        _text("origin"),
        _json("plan_request", nullable=True),
        _json("plan"),
        _time("created_at"),
        _text("created_by"),
        _number("changes"),
        _key("saved_plan", "id"),
    )
    op.create_index("ix_saved_plan_created_at", "saved_plan", ["created_at"])
    op.create_table(
        "saved_change",
        _text("plan_id"),
        _number("ordinal"),
        _json("document"),
        _key("saved_change", "plan_id", "ordinal"),
        _parent("saved_change", "plan_id", "saved_plan.id", cascade=True),
    )


def _calendar() -> None:
    for table in ("maintenance_window", "freeze"):
        op.create_table(table, _text("name"), _json("document"), _key(table, "name"))


def _evidence() -> None:
    op.create_table(
        "signing_key",
        _text("name"),
        _text("public"),
        _sealed(),
        _time("created_at"),
        _key("signing_key", "name"),
    )
    op.create_table(
        "handshake",
        _number("id"),
        _text("task_id"),
        _number("ordinal"),
        _text("direction"),
        _time("at"),
        _text("endpoint"),
        _text("expected", nullable=True),
        _text("observed", nullable=True),
        _text("problem", nullable=True),
        _text("address"),
        _text("server_name", nullable=True),
        _text("moment"),
        _json("chain"),
        _flag("reached"),
        _flag("verified"),
        _key("handshake", "id"),
        _of_task("handshake"),
    )
    op.create_index("ix_handshake_task_id_ordinal", "handshake", ["task_id", "ordinal"])
    op.create_table(
        "edge_drift",
        _text("resource_id"),
        _text("task_id"),
        _text("observed", nullable=True),
        _text("address"),
        _text("problem"),
        _time("since"),
        _time("observed_at"),
        _key("edge_drift", "resource_id"),
        _parent("edge_drift", "resource_id", "resource.id", cascade=True),
        _of_task("edge_drift"),
    )
    op.create_table(
        "attempt",
        _number("id"),
        _text("task_id"),
        _number("ordinal"),
        _text("direction"),
        _number("number"),
        _time("at"),
        _json("cause"),
        _key("attempt", "id"),
        _of_task("attempt"),
    )
    op.create_index("ix_attempt_task_id", "attempt", ["task_id"])
