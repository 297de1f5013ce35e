"""Defines the tables of syncs, last bindings, saved plans, maintenance windows and freezes."""

from datetime import datetime
from typing import Any

from sqlmodel import Field

from storage.tables.core import CASCADE, JSON_OR_NULL, Row


class SyncRow(Row, table=True):
    """The newest sync of one service of one account. It continues at `page`.

    `complete_at` is when the newest sync that listed everything began. Once all resources are
    listed, `to_read` counts the bindings that the listing does not show and `were_read` those of
    them that have been read.
    """

    __tablename__ = "sync"

    account: str = Field(primary_key=True, foreign_key="account.name", ondelete=CASCADE)
    service: str = Field(primary_key=True)
    run: str
    began_at: datetime
    page: str | None = None
    seen: int = 0
    total: int | None = None
    vanished: int = 0
    to_read: int | None = None
    were_read: int = 0
    ended_at: datetime | None = None
    error: dict[str, Any] | None = Field(default=None, sa_type=JSON_OR_NULL)
    complete_at: datetime | None = None


class LastBindingRow(Row, table=True):
    """The binding that certroll last made, for services that cannot report it."""

    __tablename__ = "last_binding"

    resource_id: str = Field(primary_key=True)
    account: str = Field(foreign_key="account.name", ondelete=CASCADE, index=True)
    binding: dict[str, Any] = Field(sa_type=JSON_OR_NULL)
    at: datetime


class SavedPlanRow(Row, table=True):
    """A saved plan. `plan` is the plan without its changes, made from `plan_request`."""

    __tablename__ = "saved_plan"

    id: str = Field(primary_key=True)
    name: str
    digest: str
    origin: str
    plan_request: dict[str, Any] | None = Field(default=None, sa_type=JSON_OR_NULL)
    plan: dict[str, Any] = Field(sa_type=JSON_OR_NULL)
    created_at: datetime = Field(index=True)
    created_by: str
    changes: int


class SavedChangeRow(Row, table=True):
    """One change of a saved plan."""

    __tablename__ = "saved_change"

    plan_id: str = Field(primary_key=True, foreign_key="saved_plan.id", ondelete=CASCADE)
    ordinal: int = Field(primary_key=True)
    document: dict[str, Any] = Field(sa_type=JSON_OR_NULL)


class WindowRow(Row, table=True):
    """A maintenance window."""

    __tablename__ = "maintenance_window"

    name: str = Field(primary_key=True)
    document: dict[str, Any] = Field(sa_type=JSON_OR_NULL)


class FreezeRow(Row, table=True):
    """A freeze: no change starts during it."""

    __tablename__ = "freeze"

    name: str = Field(primary_key=True)
    document: dict[str, Any] = Field(sa_type=JSON_OR_NULL)
