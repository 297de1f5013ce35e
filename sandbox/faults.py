"""Fault rules: which API calls fail, how often, and how. The gateway applies them."""

import hashlib
from collections import Counter
from dataclasses import asdict, dataclass, fields
from fnmatch import fnmatchcase
from typing import Any, Self

KINDS = ("throttle", "error", "5xx", "hang", "reset", "lost", "unserved")


@dataclass(frozen=True)
class FaultRule:
    """One fault.

    `service`, `operation` and `resource` (a name or domain) are globs. `share` is the part of the
    matching calls that is hit, `count` the most it hits in all, `per_resource` the most it hits one
    resource. Kinds: throttle (HTTP 400 with `retry_after_ms` in the header, or None for no header),
    error (`code`, `status`, `message`), 5xx (`status`; `html` for a body that is not JSON), hang
    (`seconds`, then a normal answer, unless the client has left), reset (before anything is
    applied), lost (applied, then the connection ends without an answer), unserved (accepted, but
    the edge keeps the former certificate).
    """

    kind: str
    service: str = "*"
    operation: str = "*"
    resource: str = "*"
    share: float = 1.0
    count: int | None = None
    per_resource: int | None = None
    retry_after_ms: int | None = None
    code: str = "InternalError"
    status: int = 0
    message: str = "The request processing has failed due to some unknown error."
    seconds: float = 30.0
    html: bool = False

    @classmethod
    def parse(cls, data: dict[str, Any]) -> Self:
        """A rule from its JSON object; raises ValueError on what it does not know."""
        unknown = data.keys() - {one.name for one in fields(cls)}
        if unknown:
            raise ValueError(f"a fault has no field {', '.join(sorted(unknown))}")
        if data.get("kind") not in KINDS:
            raise ValueError(f"the kind of a fault is one of {', '.join(KINDS)}")
        rule = cls(**data)
        if not 0 <= rule.share <= 1:
            raise ValueError("the share of a fault is between 0 and 1")
        return rule


class Faults:
    """The rules in force; the first that matches a call decides."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._rules: dict[int, FaultRule] = {}
        self._hits: Counter[int] = Counter()
        self._resource_hits: Counter[tuple[int, str]] = Counter()
        self._tries: Counter[tuple[int, str, str]] = Counter()
        self._last = 0

    def add(self, rule: FaultRule) -> int:
        """Puts a rule in force and returns its number."""
        self._last += 1
        self._rules[self._last] = rule
        return self._last

    def remove(self, number: int) -> bool:
        """Removes one rule; False if there is none of that number."""
        return self._rules.pop(number, None) is not None

    def clear(self) -> None:
        """Removes all rules."""
        self._rules.clear()

    def list_rules(self) -> list[dict[str, Any]]:
        """Every rule with its number and how often it has hit."""
        return [
            {"id": number, "hits": self._hits[number], **asdict(rule)}
            for number, rule in self._rules.items()
        ]

    def take(self, service: str, operation: str, resource: str) -> FaultRule | None:
        """The fault that hits this call, if any; counts the hit."""
        for number, rule in self._rules.items():
            if self._is_hit(number, rule, service, operation, resource):
                self._hits[number] += 1
                self._resource_hits[number, resource] += 1
                return rule
        return None

    def _is_hit(
        self, number: int, rule: FaultRule, service: str, operation: str, resource: str
    ) -> bool:
        matches = (
            fnmatchcase(operation, rule.operation)
            and fnmatchcase(resource, rule.resource)
            and fnmatchcase(service, rule.service)
        )
        if not matches or _is_spent(self._hits[number], rule.count):
            return False
        if _is_spent(self._resource_hits[number, resource], rule.per_resource):
            return False
        self._tries[number, operation, resource] += 1
        attempt = self._tries[number, operation, resource]
        return self._draw(f"{number}:{operation}:{resource}:{attempt}") < rule.share

    def _draw(self, call: str) -> float:
        """A number in [0, 1) from the call alone: the order of concurrent calls does not matter."""
        digest = hashlib.sha256(f"{self._seed}:{call}".encode()).digest()
        return int.from_bytes(digest[:8]) / 2**64


def _is_spent(hits: int, most: int | None) -> bool:
    return most is not None and hits >= most
