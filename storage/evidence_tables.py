"""The tables of what proves afterwards what was done."""

from datetime import datetime
from typing import Any

from sqlmodel import Field

from storage.tables import JSON_OR_NULL, Row


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

    id: int | None = Field(default=None, primary_key=True)
    task_id: str = Field(foreign_key="task.id", index=True)
    ordinal: int
    direction: str
    at: datetime
    endpoint: str
    wanted: str | None
    seen: str | None
    problem: str | None


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
