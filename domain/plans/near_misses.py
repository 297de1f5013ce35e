"""Collects resources that a certificate nearly covers, in a few groups. Called by matching."""

from collections.abc import Iterator, Sequence
from typing import Any

from domain.certificates.hostnames import is_wildcard, to_canonical
from domain.certificates.name_index import NameIndex
from domain.model import Value

MAX_GROUPS = 20
MAX_EXAMPLES = 5

ONE_LABEL = "a wildcard stands for exactly one label"
BARE = "a wildcard does not cover the bare domain"
SOME = "only other names of this resource are covered"
NONE_FOR_ALL = "no single certificate covers all names of this resource"


class NearMiss(Value):
    """A name of a certificate, some hosts that it nearly covers, and why it does not.

    `resources` is the number of resources. `name` is None where certificates cover only a part of
    the names of a resource.
    """

    name: str | None
    reason: str
    hosts: tuple[str, ...]
    resources: int

    def __str__(self) -> str:
        more = self.resources - len(self.hosts)
        hosts = ", ".join(self.hosts) + (f" and {more} more" if more > 0 else "")
        if self.name is None:
            return f"{hosts}: {self.reason}"
        return f"{self.name} does not cover {hosts}: {self.reason}"


class NearMisses:
    """Groups near misses of the names in `index`."""

    def __init__(self, index: NameIndex[Any]) -> None:
        self._index = index
        self._groups: dict[tuple[str | None, str], tuple[list[str], int]] = {}

    def add(self, domains: Sequence[str]) -> None:
        """Adds a resource that no certificate covers, by the first of its names that is near."""
        for host in domains:
            for name, reason in self._list_near_names(host):
                return self._add_to_group(name, reason, host)
        lacking = [host for host in domains if not any(self._index.list_covering((host,)))]
        if len(lacking) < len(domains):
            self._add_to_group(None, SOME if lacking else NONE_FOR_ALL, (lacking or domains)[0])

    def list_groups(self) -> tuple[NearMiss, ...]:
        """The groups with the most resources, largest first."""
        ordered = sorted(
            self._groups.items(), key=lambda group: (-group[1][1], group[0][0] or "", group[0][1])
        )
        return tuple(
            NearMiss(name=name, reason=reason, hosts=tuple(hosts), resources=count)
            for (name, reason), (hosts, count) in ordered[:MAX_GROUPS]
        )

    def _add_to_group(self, name: str | None, reason: str, host: str) -> None:
        hosts, count = self._groups.get((name, reason), ([], 0))
        if len(hosts) < MAX_EXAMPLES and host not in hosts:
            hosts.append(host)
        self._groups[name, reason] = hosts, count + 1

    def _list_near_names(self, host: str) -> Iterator[tuple[str, str]]:
        want = to_canonical(host)
        if want is None or any(self._index.list_covering((want,))):
            return
        base = want.removeprefix("*.")
        if is_wildcard(want):
            if base in self._index:
                yield base, f"only *.{base} covers a wildcard"
        elif f"*.{want}" in self._index:
            yield f"*.{want}", BARE
        _, _, above = base.partition(".")
        while above:
            if f"*.{above}" in self._index:
                yield f"*.{above}", ONE_LABEL
            _, _, above = above.partition(".")
