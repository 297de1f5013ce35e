"""Run the practice cloud as a process: start, seed, add faults, kill, restart."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import httpx2

ROOT = Path(__file__).parents[2]
START_SECONDS = 30.0
STOP_SECONDS = 10.0

Row = dict[str, Any]


class PracticeCloud:
    """One sandbox process on free ports; its state survives it.

    `folder` gets the state, the log and, with `record`, every request that was received (private
    keys included). `spare_accounts` are further accounts for `new_account`. A `start` after `stop`
    or `kill` uses the same ports again. Use it as a context, or start and stop it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        propagation: float = 0.0,
        latency_ms: float = 0.0,
        qps: int | None = None,
        site: str = "cn",
        spare_accounts: int = 0,
        record: bool = True,
        keep_state: bool = True,
        scale: int | None = None,
        seed: int = 0,
    ) -> None:
        self.folder = folder
        self.site = site
        accounts = [(f"LTAItest{n:05}", f"secret-of-{n:05}") for n in range(spare_accounts + 1)]
        self.access_key_id, self.access_key_secret = accounts[0]
        self._spare = iter(accounts[1:])
        self._record = folder / "requests.jsonl" if record else None
        self._command = [
            *(sys.executable, "-m", "sandbox", "--site", site),
            *("--propagation", str(propagation), "--latency", str(latency_ms)),
            *("--seed", str(seed)),
            *(part for pair in accounts for part in ("--account", ":".join(pair))),
            *(("--qps", str(qps)) if qps is not None else ()),
            *(("--record", str(self._record)) if self._record else ()),
            *(("--state", str(folder / "state.jsonl")) if keep_state else ()),
            *(("--scale", str(scale)) if scale is not None else ()),
        ]
        self.endpoint, self.edge = "", ""
        self._process: subprocess.Popen[str] | None = None
        self._control = httpx2.Client(trust_env=False, timeout=30)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self._control.close()

    @property
    def pid(self) -> int:
        return self._get_process().pid

    @property
    def is_running(self) -> bool:
        return self._process is not None

    @property
    def log(self) -> str:
        """What the process wrote to standard error."""
        return (self.folder / "sandbox.log").read_text()

    @property
    def account(self) -> dict[str, str]:
        """The settings of the first account, secrets included."""
        return self._settings(self.access_key_id, self.access_key_secret)

    def new_account(self) -> dict[str, str]:
        """The settings of an account that nobody has used yet."""
        return self._settings(*next(self._spare))

    def start(self) -> None:
        """Return once it listens; AssertionError with its log if it does not."""
        assert self._process is None, "it runs already"
        ports = [address.rpartition(":")[2] or "0" for address in (self.endpoint, self.edge)]
        with (self.folder / "sandbox.log").open("a") as log:
            process = subprocess.Popen(
                [*self._command, "--port", ports[0], "--edge-port", ports[1]],
                cwd=ROOT,
                env={k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        ready = _read_first_line(process)
        if ready is None:
            _end_process(process, signal.SIGKILL)
            raise AssertionError(f"the sandbox did not start: {self.log}")
        self._process = process
        self.endpoint, self.edge = ready["endpoint"], ready["edge"]

    def stop(self) -> None:
        """Terminate it and wait; do nothing if it does not run."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it; do nothing if it does not run."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Kill and start: the same ports, the same state, no faults."""
        self.kill()
        self.start()

    def seed(self, service: str, *, account: str | None = None, **entries: list[Row]) -> int:
        """Create resources, e.g. `seed("cdn", domains=[{"name": ...}])`; how many there are."""
        owner = {} if account is None else {"account": account}
        reply = self._ask("POST", "seed", {"service": service, **owner, **entries})
        return int(reply["created"])

    def add_fault(self, kind: str, operation: str = "*", **rule: Any) -> int:
        """Add a fault until it is cleared, and return its number. The sandbox lists the kinds."""
        reply = self._ask("POST", "faults", {"kind": kind, "operation": operation, **rule})
        return int(reply["ids"][0])

    def count_hits(self, fault: int) -> int:
        """How often a fault has struck."""
        rows = self._ask("GET", "faults")["faults"]
        return next(int(row["hits"]) for row in rows if row["id"] == fault)

    def clear_faults(self) -> None:
        self._ask("DELETE", "faults")

    def set_propagation(self, seconds: float) -> None:
        """Set how long the edge takes to serve what was bound, from the next change on."""
        self._ask("POST", "propagation", {"seconds": seconds})

    def set_limit(self, store: str, certificates: int | None) -> None:
        """Set how many certificates a store ("cas", "clb") accepts; None for no limit."""
        self._ask("POST", "limits", {store: certificates})

    def set_latency(self, milliseconds: float) -> None:
        """Set how long each call takes at least."""
        self._ask("POST", "latency", {"milliseconds": milliseconds})

    def add_edge(self, host: str, port: int = 0, **how: Any) -> str:
        """Add an edge on loopback and return its address. `how`: `frozen`, `default`."""
        return str(self._ask("POST", "edges", {"host": host, "port": port, **how})["address"])

    def close_edge(self, address: str | None = None) -> None:
        """Stop listening at this address, by default at that of the first edge."""
        self._ask("DELETE", f"edges/{address or self.edge}")

    def add_edge_fault(self, kind: str, host: str = "*", **rule: Any) -> None:
        """Let edges fail for these hosts, a glob. The sandbox lists the kinds."""
        self._ask("POST", "edge_faults", {"kind": kind, "host": host, **rule})

    def clear_edge_faults(self) -> None:
        self._ask("DELETE", "edge_faults")

    def list_resources(self, **filters: str) -> list[Row]:
        """The resources with these fields (`account`, `service`, `name`)."""
        rows = self._ask("GET", "state")["resources"]
        return [row for row in rows if filters.items() <= row.items()]

    def list_certificates(self, **filters: str) -> list[Row]:
        """The certificates in the store with these fields (`account`, `fingerprint`)."""
        rows = self._ask("GET", "state")["certificates"]
        return [row for row in rows if filters.items() <= row.items()]

    def count_calls(self) -> dict[str, dict[str, int]]:
        """How many calls of each operation ("cdn.DescribeUserDomains") ended with each code."""
        reply: dict[str, dict[str, int]] = self._ask("GET", "calls")["calls"]
        return reply

    def list_requests(self, account: str | None = None) -> list[Row]:
        """All requests so far in their order, of all accounts or of one key id."""
        assert self._record is not None, "started without record"
        lines = self._record.read_text().splitlines() if self._record.exists() else []
        rows = [json.loads(line) for line in lines]
        signed = re.compile(rf"Credential={re.escape(account)}[,/]" if account else "Credential=")
        return [row for row in rows if signed.search(row["headers"].get("authorization", ""))]

    def _settings(self, key_id: str, secret: str) -> dict[str, str]:
        return {
            "access_key_id": key_id,
            "access_key_secret": secret,
            "site": self.site,
            "endpoint": self.endpoint,
        }

    def _ask(self, method: str, path: str, data: Row | None = None) -> Row:
        reply = self._control.request(method, f"{self.endpoint}/_sandbox/{path}", json=data)
        assert reply.status_code == 200, reply.text
        answer: Row = reply.json()
        return answer

    def _get_process(self) -> subprocess.Popen[str]:
        assert self._process is not None, "it does not run"
        return self._process

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            _end_process(self._process, how)
            self._process = None


def _read_first_line(process: subprocess.Popen[str]) -> Row | None:
    """The JSON line that says it is ready; None if it ended, or wrote nothing for too long."""
    found: list[Row] = []

    def read(stream: IO[str]) -> None:
        line = stream.readline()
        if line:
            found.append(json.loads(line))

    assert process.stdout is not None
    reader = threading.Thread(target=read, args=(process.stdout,), daemon=True)
    reader.start()
    reader.join(START_SECONDS)
    return found[0] if found else None


def _end_process(process: subprocess.Popen[str], how: signal.Signals) -> None:
    process.send_signal(how)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
