"""Defines the tables of certificates, accounts, resources, tasks, quota and contacts.

The other modules of storage read and write them. JSON columns hold public data only; secrets are
in columns named `sealed`.
"""

from datetime import datetime
from typing import Any, ClassVar, Literal

from sqlalchemy import JSON, CheckConstraint, Index, MetaData, UniqueConstraint, text
from sqlmodel import Field, SQLModel

# None becomes SQL's NULL and not JSON's null, so that "IS NULL" means what it says.
JSON_OR_NULL = JSON(none_as_null=True)
CASCADE: Literal["CASCADE"] = "CASCADE"


class Row(SQLModel):
    """The base of all tables. With fixed names a later migration can find a constraint."""

    metadata: ClassVar[MetaData] = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class CertificateRow(Row, table=True):
    """A certificate. `document` holds all its fields, without the private key."""

    __tablename__ = "certificate"

    fingerprint: str = Field(primary_key=True)
    name: str = Field(unique=True)
    not_after: datetime
    document: dict[str, Any] = Field(sa_type=JSON_OR_NULL)
    sealed: bytes
    added_at: datetime
    replaces: str | None = Field(default=None, index=True)
    policy: dict[str, Any] | None = Field(default=None, sa_type=JSON_OR_NULL)


class AccountRow(Row, table=True):
    """An account. `sealed` holds its secrets as one JSON object."""

    __tablename__ = "account"

    name: str = Field(primary_key=True)
    provider: str
    document: dict[str, Any] = Field(sa_type=JSON_OR_NULL)
    sealed: bytes


class ResourceRow(Row, table=True):
    """A resource of the inventory with its binding.

    `serves` (a fingerprint) and `not_after` repeat fields of `binding`, so that queries can use an
    index. `seen_at` is when a listing last showed the resource, `read_at` when its binding was
    last read. `checked_at` is when the binding was last read or changed, or a read failed: an
    older observation never replaces a binding.
    """

    __tablename__ = "resource"
    __table_args__ = (Index(None, "account", "service"),)

    id: str = Field(primary_key=True)
    account: str = Field(foreign_key="account.name", ondelete=CASCADE)
    service: str
    document: dict[str, Any] = Field(sa_type=JSON_OR_NULL)
    binding: dict[str, Any] | None = Field(sa_type=JSON_OR_NULL)
    binding_known: bool
    tags: dict[str, str] = Field(sa_type=JSON_OR_NULL)
    serves: str | None = Field(default=None, index=True)
    not_after: datetime | None = Field(default=None, index=True)
    seen_at: datetime
    read_at: datetime | None = None
    checked_at: datetime | None = None
    vanished_at: datetime | None = None


class InstallationRow(Row, table=True):
    """A certificate in a provider's store. `uploaded` is true if certroll uploaded it.

    `ref` is NULL while an upload runs, or if the answer to the upload was lost.
    """

    __tablename__ = "installation"

    fingerprint: str = Field(
        primary_key=True, foreign_key="certificate.fingerprint", ondelete=CASCADE
    )
    account: str = Field(primary_key=True, foreign_key="account.name", ondelete=CASCADE)
    store: str = Field(primary_key=True)
    ref: dict[str, Any] | None = Field(default=None, sa_type=JSON_OR_NULL)
    installed_at: datetime
    uploaded: bool = False


class TaskRow(Row, table=True):
    """A deployment task. `plan` is its plan without the changes; only a draft has `draft`."""

    __tablename__ = "task"
    __table_args__ = (
        Index(
            "uq_task_name_not_deleted",
            "name",
            unique=True,
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index(None, "created_at"),
    )

    id: str = Field(primary_key=True)
    name: str
    status: str
    digest: str
    certificates: list[str] = Field(sa_type=JSON_OR_NULL)
    contacts: list[str] = Field(sa_type=JSON_OR_NULL)
    plan: dict[str, Any] = Field(sa_type=JSON_OR_NULL)
    at: datetime
    rollback_until: datetime
    cost: int
    concurrency: int = 100
    rollout: dict[str, Any] = Field(sa_type=JSON_OR_NULL)
    checks: dict[str, str] = Field(default_factory=dict, sa_type=JSON_OR_NULL)
    unverifiable: int = 0
    plan_id: str | None = None
    windows_ignored: str | None = None
    draft: dict[str, Any] | None = Field(default=None, sa_type=JSON_OR_NULL)
    created_at: datetime
    created_by: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    deleted_at: datetime | None = None


class TaskCertificateRow(Row, table=True):
    """A certificate that a task deploys. No foreign key: a task outlives its certificates."""

    __tablename__ = "task_certificate"

    fingerprint: str = Field(primary_key=True)
    task_id: str = Field(primary_key=True, foreign_key="task.id", index=True)


class ChangeRow(Row, table=True):
    """One change of a task and its outcome. `after` is the fingerprint to deploy.

    `round` is the number of the last retry that included the change, 0 for none. `deployed` stays
    true once the change has succeeded, also after a rollback: the quota ledger charges by it.
    """

    __tablename__ = "change"
    __table_args__ = (
        UniqueConstraint("task_id", "resource_id"),
        Index(None, "task_id", "status"),
        Index(None, "account", "service"),
    )

    task_id: str = Field(primary_key=True, foreign_key="task.id")
    ordinal: int = Field(primary_key=True)
    resource_id: str
    account: str
    service: str
    cost: int
    after: str | None = None
    document: dict[str, Any] = Field(sa_type=JSON_OR_NULL)
    wave: int = 0
    round: int = 0
    status: str
    applied: bool = False
    deployed: bool = False
    attempts: int = 0
    cause: dict[str, Any] | None = Field(default=None, sa_type=JSON_OR_NULL)
    started_at: datetime | None = None
    ended_at: datetime | None = None


class TaskEventRow(Row, table=True):
    """One line of the audit log of a task. `code` is the kind of event."""

    __tablename__ = "task_event"

    id: int | None = Field(default=None, primary_key=True)
    task_id: str = Field(foreign_key="task.id", index=True)
    at: datetime
    code: str
    by: str
    text: str


class OwnerRow(Row, table=True):
    """The owner of the quota: one row. Every change of the quota ledger locks it first."""

    __tablename__ = "owner"

    name: str = Field(primary_key=True)


class QuotaEntryRow(Row, table=True):
    """One entry of the quota ledger. A task has at most one of each kind in each round."""

    __tablename__ = "quota_entry"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount_positive"),
        UniqueConstraint("task_id", "kind", "round"),
    )

    id: int | None = Field(default=None, primary_key=True)
    owner: str = Field(foreign_key="owner.name")
    at: datetime
    kind: str
    amount: int
    task_id: str | None = Field(default=None, foreign_key="task.id")
    round: int = 0
    note: str


class ContactRow(Row, table=True):
    """A contact. `sealed` holds its address; `redacted_address` is the address without secrets.

    `events` are the classes of events it receives; NULL means all.
    """

    __tablename__ = "contact"

    name: str = Field(primary_key=True)
    kind: str
    events: list[str] | None = Field(default=None, sa_type=JSON_OR_NULL)
    redacted_address: str
    sealed: bytes


class DeliveryRow(Row, table=True):
    """One attempt to deliver a message to a contact, which may be deleted later.

    The message is about a task, or about a `subject` of the expiry watch.
    """

    __tablename__ = "delivery"
    __table_args__ = (Index(None, "contact", "subject"),)

    id: int | None = Field(default=None, primary_key=True)
    task_id: str | None = Field(default=None, foreign_key="task.id", index=True)
    event: str
    subject: str | None = None
    contact: str
    ok: bool
    detail: str
    at: datetime
