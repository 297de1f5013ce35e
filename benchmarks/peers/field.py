"""The setting of one run: a fresh practice cloud, domains, and a new certificate."""

import hashlib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.peers.faults import Scenario
from starter.demo.ca import Issued, PracticeCA
from starter.temporal.processes import start_sandbox

ZONE = "peers.example.com"
PATIENCE = 10.0


class Field:
    """All `names` serve the same former certificate, and should serve `wanted` in the end."""

    def __init__(self, cloud: dict[str, str], ca: PracticeCA, scenario: Scenario) -> None:
        self.cloud, self.scenario = cloud, scenario
        self.names = [f"n{number:03}.{ZONE}" for number in range(scenario.domains)]
        self.wanted: Issued = ca.issue([ZONE, f"*.{ZONE}"])
        former = ca.issue([ZONE, f"*.{ZONE}"])
        pair = {"pem": former.pem.decode(), "key": former.key_pem.decode()}
        rows = [{"name": name, "certificate": pair} for name in self.names]
        self._request("POST", "seed", {"service": "cdn", "domains": rows})

    def activate_faults(self) -> None:
        """Activates the scenario's faults."""
        if self.scenario.rules:
            self._request("POST", "faults", self.scenario.rules)

    def count_calls(self) -> int:
        """Counts all calls that the cloud has received."""
        answer: dict[str, dict[str, int]] = self._request("GET", "calls")["calls"]
        return sum(number for codes in answer.values() for number in codes.values())

    def list_correct_names(self) -> set[str]:
        """The names that serve the wanted certificate now."""
        return {name for name in self.names if self._read_served(name) == self.wanted.fingerprint}

    def _read_served(self, name: str) -> str:
        """SHA-256 of the leaf that a name serves, by an own handshake that trusts no tool."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        host, _, port = self.cloud["edge"].rpartition(":")
        with (
            socket.create_connection((host, int(port)), PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname=name) as secured,
        ):
            return hashlib.sha256(secured.getpeercert(binary_form=True) or b"").hexdigest()

    def _request(self, method: str, path: str, data: Any = None) -> Any:
        url = f"{self.cloud['endpoint']}/_sandbox/{path}"
        answer = httpx2.request(method, url, json=data, timeout=60)
        answer.raise_for_status()
        return answer.json()


@contextmanager
def field(
    folder: Path, ca: PracticeCA, scenario: Scenario, *, seed: int, latency_ms: int
) -> Iterator[Field]:
    """A temporary field. The same seed makes the same calls fail."""
    options = ["--latency", str(latency_ms), "--propagation", "0", "--seed", str(seed)]
    sandbox, cloud = start_sandbox(folder, options)
    try:
        yield Field(cloud, ca, scenario)
    finally:
        sandbox.stop()
