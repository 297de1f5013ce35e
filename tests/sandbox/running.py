"""A real sandbox in a process of its own, and everything a test does with it."""

import hashlib
import http.client
import json
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from alibabacloud_cas20200407.client import Client as CasClient
from alibabacloud_cdn20180510.client import Client as CdnClient
from alibabacloud_tea_openapi.models import Config

from tests.support.factory import Leaf

ROOT = Path(__file__).parents[2]
PATIENCE = 10.0  # seconds until a test gives up waiting for what must happen at once


class Running:
    """One sandbox process; `stop` is orderly, `kill` is SIGKILL."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sandbox", *arguments],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self.process.stdout is not None
        self.ready: dict[str, str] = json.loads(self.process.stdout.readline())
        self.address = self.ready["endpoint"].removeprefix("http://")
        self.edge = self.ready["edge"]

    def stop(self) -> int:
        self.process.terminate()
        return self._wait()

    def kill(self) -> int:
        self.process.kill()
        return self._wait()

    def _wait(self) -> int:
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.wait(PATIENCE)

    def config(self, **changes: Any) -> Any:
        given = {name: self.ready[name] for name in ("access_key_id", "access_key_secret")}
        return Config(endpoint=self.address, protocol="http", **{**given, **changes})

    def cas(self, **changes: Any) -> Any:
        return CasClient(self.config(**changes))

    def cdn(self, **changes: Any) -> Any:
        return CdnClient(self.config(**changes))

    def control(self, method: str, path: str, data: Any = None) -> Any:
        """One call of the control API that succeeds."""
        status, answer = self.try_control(method, path, data)
        assert status == 200, answer
        return answer

    def try_control(self, method: str, path: str, data: Any = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE)
        try:
            body = None if data is None else json.dumps(data)
            connection.request(method, f"/_sandbox/{path}", body)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def seed_domain(self, name: str, leaf: Leaf | None = None, **more: Any) -> None:
        certificate = leaf and {"pem": leaf.pem.decode(), "key": leaf.key_pem.decode()}
        domain = {"name": name, "certificate": certificate, **more}
        self.control("POST", "seed", {"service": "cdn", "domains": [domain]})

    def get_state(self, name: str) -> dict[str, Any]:
        """What the control API tells of one resource."""
        (row,) = self.control("GET", f"state?name={name}")["resources"]
        return dict(row)

    def add_fault(self, **rule: Any) -> int:
        return int(self.control("POST", "faults", rule)["ids"][0])

    def get_served(self, name: str) -> str | None:
        """SHA-256 of the leaf that the edge presents for a name; None when it refuses the name."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        host, port = self.edge.split(":")
        with socket.create_connection((host, int(port)), PATIENCE) as plain:
            try:
                with context.wrap_socket(plain, server_hostname=name) as secured:
                    leaf = secured.getpeercert(binary_form=True)
            except ssl.SSLError as error:
                if error.reason != "TLSV1_UNRECOGNIZED_NAME":
                    raise
                return None
        assert leaf is not None
        return hashlib.sha256(leaf).hexdigest()

    def wait_until_served(self, name: str, fingerprint: str | None) -> None:
        deadline = time.monotonic() + PATIENCE
        while (seen := self.get_served(name)) != fingerprint:
            assert time.monotonic() < deadline, f"{name} still serves {seen}"
            time.sleep(0.01)


def ask(client: Any, method: str, request: Any) -> Any:
    """Call the official client and give back the body, sure that its model knows every field."""
    raw: list[Any] = []
    call_api = type(client).call_api

    def listen(*arguments: Any) -> Any:
        raw.append(call_api(client, *arguments))
        return raw[-1]

    client.call_api = listen
    body = getattr(client, method)(request).body
    unknown = [*_list_unknown(raw[0]["body"], body.to_map(), method)]
    assert not unknown, f"the response model does not know {unknown}"
    return body


def _list_unknown(raw: Any, known: Any, path: str) -> list[str]:
    if isinstance(raw, dict):
        missing = [f"{path}.{name}" for name in raw if name not in known]
        return missing + [
            one
            for name in raw
            if name in known
            for one in _list_unknown(raw[name], known[name], f"{path}.{name}")
        ]
    if isinstance(raw, list):
        pairs = zip(raw, known, strict=True)
        return [one for ours, theirs in pairs for one in _list_unknown(ours, theirs, f"{path}[]")]
    return [] if type(raw) is type(known) else [f"{path} as {type(raw).__name__}"]
