"""What the report of a task shows: handshakes and failed attempts."""

from datetime import datetime
from typing import Literal

from domain.cause import Cause
from domain.model import Value
from domain.tasks.messages import Direction

Moment = Literal["before", "after", "again", "later"]


class Handshake(Value):
    """What an endpoint showed at one address; fingerprints, None: no certificate.

    `endpoint` is "server name at host:port", `address` the one of its addresses, "host:port", and
    `server_name` None where none was asked for. `moment`: before the change, after it, once more
    after its wave's bake time ("again"), or on a later day ("later"). `chain` are all certificates
    that were sent, leaf first. `reached` is false where no connection came about; `verified` says
    that it showed the state after the change, its chain complete. `problem` says why there was no
    handshake, or what is wrong or unusual with what was sent.
    """

    task_id: str
    ordinal: int
    direction: Direction
    at: datetime
    endpoint: str
    wanted: str | None
    seen: str | None
    problem: str | None = None
    address: str = ""
    server_name: str | None = None
    moment: Moment = "after"
    chain: tuple[str, ...] = ()
    reached: bool = True
    verified: bool = False


class FailedAttempt(Value):
    """An attempt at a change that did not succeed, and why."""

    task_id: str
    ordinal: int
    direction: Direction
    number: int
    at: datetime
    cause: Cause
