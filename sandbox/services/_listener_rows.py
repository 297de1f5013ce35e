"""The rows of listeners and jobs. `_listeners` keeps them."""

import time
from dataclasses import dataclass, field


@dataclass
class Listener:
    """One listener; certificates by their number in the store, 0 for no default one.

    `arriving` and `leaving` are on their way until `settles_at` (seconds since the epoch).
    `next_job_fails` is the code that the next change ends with.
    """

    id: str
    account: str
    region: str
    load_balancer: str
    port: int
    protocol: str
    hosts: list[str]
    default: int = 0
    additional: list[int] = field(default_factory=list)
    stopped: bool = False
    arriving: list[int] = field(default_factory=list)
    leaving: list[tuple[int, bool]] = field(default_factory=list)
    settles_at: float = 0.0
    next_job_fails: str = ""
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def settled(self) -> bool:
        """Whether the last change has arrived."""
        return time.time() >= self.settles_at

    @property
    def status(self) -> str:
        """As listings show it."""
        return "Stopped" if self.stopped else "Running" if self.settled else "Configuring"


@dataclass
class Job:
    """One change; `error` is the code that it ended with, if it failed."""

    id: str
    account: str
    listener: str
    operation: str
    created: float
    settles_at: float
    error: str = ""

    @property
    def is_over(self) -> bool:
        """Whether it has succeeded or failed."""
        return time.time() >= self.settles_at
