"""What the report of a task shows as evidence: handshakes and failed attempts."""

from datetime import datetime
from typing import Literal

from domain.cause import Cause
from domain.model import Value
from domain.tasks.messages import Direction

Moment = Literal["before", "after", "again", "later"]
"""When a handshake was made: before or after the change, after the bake time, on a later day."""


class Handshake(Value):
    """What one address of an endpoint served; `expected` and `observed` are SHA-256 fingerprints.

    `endpoint` is "server name at host:port", `address` one of its addresses, "host:port".
    `server_name` is None if the handshake sent no SNI. `expected` and `observed` are None for no
    certificate. `chain` are the fingerprints of all certificates that were sent, leaf first.
    `reached` is false if there was no connection. `verified` is true if the endpoint served the
    state after the change with a complete chain. `problem` says why the handshake failed, or what
    is wrong with the certificates that were sent.
    """

    task_id: str
    ordinal: int
    direction: Direction
    at: datetime
    endpoint: str
    expected: str | None
    observed: str | None
    problem: str | None = None
    address: str = ""
    server_name: str | None = None
    moment: Moment = "after"
    chain: tuple[str, ...] = ()
    reached: bool = True
    verified: bool = False


class FailedAttempt(Value):
    """An attempt at a change that failed, and why; `number` counts the attempts from 1."""

    task_id: str
    ordinal: int
    direction: Direction
    number: int
    at: datetime
    cause: Cause
