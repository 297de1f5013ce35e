"""The tables of what proves afterwards what was done."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field

from storage.tables.core import CASCADE, JSON_OR_NULL, Row


class SigningKeyRow(Row, table=True):
    """The key that signs reports: one row."""

    __tablename__ = "signing_key"

    name: str = Field(primary_key=True)
    public: str
    sealed: bytes
    created_at: datetime


class HandshakeRow(Row, table=True):
    """What a TLS handshake showed; `wanted` and `seen` are fingerprints, None: no certificate."""

    __tablename__ = "handshake"
    __table_args__ = (Index(None, "task_id", "ordinal"),)

    id: int | None = Field(default=None, primary_key=True)
    task_id: str = Field(foreign_key="task.id")
    ordinal: int
    direction: str
    at: datetime
    endpoint: str
    wanted: str | None
    seen: str | None
    problem: str | None
    address: str = ""
    server_name: str | None = None
    moment: str = "after"
    chain: list[str] = Field(sa_type=JSON_OR_NULL)
    reached: bool = True
    verified: bool = False


class EdgeDriftRow(Row, table=True):
    """What a handshake showed in place of what a task left; gone once it is shown again.

    `seen` is a fingerprint, None: no certificate. `since` is when that was seen first.
    """

    __tablename__ = "edge_drift"

    resource_id: str = Field(primary_key=True, foreign_key="resource.id", ondelete=CASCADE)
    task_id: str = Field(foreign_key="task.id")
    seen: str | None
    address: str
    problem: str
    since: datetime
    seen_at: datetime


class AttemptRow(Row, table=True):
    """An attempt at a change that failed, with what the cloud said."""

    __tablename__ = "attempt"

    id: int | None = Field(default=None, primary_key=True)
    task_id: str = Field(foreign_key="task.id", index=True)
    ordinal: int
    direction: str
    number: int
    at: datetime
    cause: dict[str, Any] = Field(sa_type=JSON_OR_NULL)
