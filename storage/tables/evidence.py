"""Defines the tables of evidence: handshakes, failed attempts, drift, and the signing key."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field

from storage.tables.core import CASCADE, JSON_OR_NULL, Row


class SigningKeyRow(Row, table=True):
    """The key that signs reports. The table has one row."""

    __tablename__ = "signing_key"

    name: str = Field(primary_key=True)
    public: str
    sealed: bytes
    created_at: datetime


class HandshakeRow(Row, table=True):
    """One TLS handshake. `expected` and `observed` are fingerprints; NULL means no certificate."""

    __tablename__ = "handshake"
    __table_args__ = (Index(None, "task_id", "ordinal"),)

    id: int | None = Field(default=None, primary_key=True)
    task_id: str = Field(foreign_key="task.id")
    ordinal: int
    direction: str
    at: datetime
    endpoint: str
    expected: str | None
    observed: str | None
    problem: str | None
    address: str = ""
    server_name: str | None = None
    moment: str = "after"
    chain: list[str] = Field(sa_type=JSON_OR_NULL)
    reached: bool = True
    verified: bool = False


class EdgeDriftRow(Row, table=True):
    """Drift that a handshake observed. The row is deleted once the drift has ended.

    `observed` is a fingerprint; NULL means no certificate. `since` is when it was first observed,
    `observed_at` when it was last observed.
    """

    __tablename__ = "edge_drift"

    resource_id: str = Field(primary_key=True, foreign_key="resource.id", ondelete=CASCADE)
    task_id: str = Field(foreign_key="task.id")
    observed: str | None
    address: str
    problem: str
    since: datetime
    observed_at: datetime


class AttemptRow(Row, table=True):
    """A failed attempt at a change, with its cause."""

    __tablename__ = "attempt"

    id: int | None = Field(default=None, primary_key=True)
    task_id: str = Field(foreign_key="task.id", index=True)
    ordinal: int
    direction: str
    number: int
    at: datetime
    cause: dict[str, Any] = Field(sa_type=JSON_OR_NULL)
