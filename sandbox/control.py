"""The unsigned control API under /_sandbox/: seeds, faults, delays, and the whole state."""

import ipaddress
import json
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from sandbox.cloud import Cloud
from sandbox.edge_faults import EdgeFault
from sandbox.faults import FaultRule
from sandbox.http import Reply, Request
from sandbox.resources import SandboxResource
from sandbox.service import Service, build_json_reply


class Control:
    """Answers on the port of the API, on loopback only."""

    def __init__(self, cloud: Cloud, services: list[Service]) -> None:
        self._cloud = cloud
        self._services = {one.product: one for one in services}
        self._calls: Counter[tuple[str, str]] = Counter()
        self._addresses: dict[str, str] = {}
        self._routes: dict[tuple[str, str], Callable[[Request], Any]] = {
            ("GET", "health"): self._health,
            ("GET", "state"): self._state,
            ("GET", "calls"): self._show_calls,
            ("GET", "faults"): lambda _: {"faults": cloud.faults.list_rules()},
            ("POST", "faults"): self._add_faults,
            ("DELETE", "faults"): self._remove_faults,
            ("POST", "seed"): lambda request: {"created": self.seed(_read_json(request))},
            ("POST", "propagation"): self._set_propagation,
            ("POST", "latency"): self._set_latency,
            ("POST", "limits"): self._set_limits,
            ("POST", "edges"): self._add_edge,
            ("DELETE", "edges"): self._remove_edge,
            ("POST", "edge_faults"): self._add_edge_fault,
            ("DELETE", "edge_faults"): self._clear_edge_faults,
        }

    def set_addresses(self, endpoint: str, edge: str) -> None:
        """Sets the addresses of the cloud, for the health page."""
        self._addresses = {"endpoint": endpoint, "edge": edge}

    def count_call(self, product: str, request: Request, code: str) -> None:
        """Counts one call of the cloud's own API by operation and the code of its answer."""
        action = request.headers.get("x-acs-action", f"{request.method} {request.path}")
        self._calls[f"{product}.{action}", code] += 1

    def answer(self, request: Request) -> Reply:
        """Answers one control request; a 400 says what is wrong with it."""
        name = request.path.removeprefix("/_sandbox/").partition("/")[0]
        route = self._routes.get((request.method, name))
        if route is None:
            return build_json_reply(404, {"error": f"no {request.method} {request.path}"})
        try:
            return build_json_reply(200, route(request))
        except KeyError as error:
            return build_json_reply(400, {"error": f"{error.args[0]} is missing"})
        except (ValueError, TypeError) as error:
            return build_json_reply(400, {"error": str(error)})

    def seed(self, data: Any, *, keep_existing: bool = False) -> int:
        """Creates what a seed (one object or a list) describes; returns the number of resources.

        With `keep_existing` existing resources stay as they are. Raises ValueError or KeyError on a
        malformed seed.
        """
        created = 0
        for entry in data if isinstance(data, list) else [data]:
            service = self._services.get(entry["service"])
            if service is None:
                raise ValueError(f"no service {entry['service']}; there are {[*self._services]}")
            key_id = entry.get("account", self._cloud.default_account.access_key_id)
            if key_id not in self._cloud.accounts:
                raise ValueError(f"no account {key_id}")
            created += service.seed(
                self._cloud.accounts[key_id], entry, keep_existing=keep_existing
            )
        return created

    def _health(self, _: Request) -> dict[str, Any]:
        return {"status": "ok", **self._addresses, "services": [*self._services]}

    def _state(self, request: Request) -> dict[str, Any]:
        wanted = {key: values[0] for key, values in parse_qs(request.query).items()}
        return {
            "resources": [
                row for one in self._cloud.resources if _is_match(row := _to_row(one), wanted)
            ],
            "certificates": [
                {
                    "account": one.account,
                    "id": one.id,
                    "name": one.name,
                    "source": one.source,
                    "fingerprint": one.facts.sha256,
                }
                for one in self._cloud.certificates
            ],
        }

    def _show_calls(self, _: Request) -> dict[str, Any]:
        calls: dict[str, dict[str, int]] = {}
        for (operation, code), number in sorted(self._calls.items()):
            calls.setdefault(operation, {})[code] = number
        return {"calls": calls}

    def _add_faults(self, request: Request) -> dict[str, Any]:
        data = _read_json(request)
        rules = [FaultRule.parse(one) for one in (data if isinstance(data, list) else [data])]
        return {"ids": [self._cloud.faults.add(rule) for rule in rules]}

    def _remove_faults(self, request: Request) -> dict[str, Any]:
        number = request.path.removeprefix("/_sandbox/faults").strip("/")
        if not number:
            self._cloud.faults.clear()
        elif not number.isdecimal() or not self._cloud.faults.remove(int(number)):
            raise ValueError(f"no fault {number}")
        return {"faults": self._cloud.faults.list_rules()}

    def _set_propagation(self, request: Request) -> dict[str, Any]:
        self._cloud.resources.propagation = _parse_delay(_read_json(request)["seconds"])
        return {"seconds": self._cloud.resources.propagation}

    def _set_latency(self, request: Request) -> dict[str, Any]:
        self._cloud.latency_ms = _parse_delay(_read_json(request)["milliseconds"])
        return {"milliseconds": self._cloud.latency_ms}

    def _add_edge(self, request: Request) -> dict[str, Any]:
        data = _read_json(request)
        host, port = _check_loopback(data["host"]), int(data.get("port", 0))
        try:
            address = self._cloud.edges.add(
                host,
                port,
                frozen=bool(data.get("frozen", False)),
                default=str(data.get("default", "")),
            )
        except OSError as error:
            raise ValueError(f"{host}:{port}: {error.strerror}") from None
        return {"address": address}

    def _remove_edge(self, request: Request) -> dict[str, Any]:
        address = request.path.removeprefix("/_sandbox/edges").strip("/")
        self._cloud.edges.remove(address)
        return {"removed": address}

    def _add_edge_fault(self, request: Request) -> dict[str, Any]:
        self._cloud.edges.faults.append(EdgeFault.parse(_read_json(request)))
        return {"faults": [vars(one) for one in self._cloud.edges.faults]}

    def _clear_edge_faults(self, _: Request) -> dict[str, Any]:
        self._cloud.edges.faults.clear()
        return {"faults": []}

    def _set_limits(self, request: Request) -> dict[str, Any]:
        limits = {name: _parse_limit(value) for name, value in _read_json(request).items()}
        if unknown := limits.keys() - self._cloud.limits.keys():
            raise ValueError(f"there is no limit for {', '.join(sorted(unknown))}")
        self._cloud.limits.update(limits)
        return dict(self._cloud.limits)


def _check_loopback(host: str) -> str:
    """Nothing here may be reachable from another machine."""
    if not ipaddress.ip_address(host).is_loopback:
        raise ValueError(f"{host} is not a loopback address")
    return host


def _read_json(request: Request) -> Any:
    try:
        return json.loads(request.body)
    except ValueError as error:
        raise ValueError(f"the body is not JSON: {error}") from None


def _parse_delay(value: Any) -> float:
    number = float(value)
    if not 0 <= number < 86_400:
        raise ValueError("a delay is at least 0 and less than 86400 seconds")
    return number


def _parse_limit(value: Any) -> int | None:
    if value is None:
        return None
    number = int(value)
    if number < 0:
        raise ValueError("a limit is a number of certificates of at least 0, or null")
    return number


def _is_match(row: dict[str, Any], wanted: dict[str, str]) -> bool:
    return all(row.get(key) == value for key, value in wanted.items())


def _to_row(one: SandboxResource) -> dict[str, Any]:
    served = one.served
    return {
        "service": one.service,
        "account": one.account,
        "name": one.name,
        "hosts": one.hosts,
        "bound": one.binding and one.binding["fingerprint"],
        "serving": served and served["fingerprint"],
        "settled": one.settled,
        "unserved": one.unserved,
        "applied": one.applied,
        "sm": (one.attributes.get("sm") or {}).get("fingerprint"),
        "sm_applied": one.attributes.get("sm_applied", []),
    }
