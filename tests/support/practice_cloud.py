"""The practice cloud as the process it is: started, seeded, made to fail, killed, restarted."""

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
    """One sandbox process on free ports, whose state outlives it.

    `folder` takes its state, its log and, with `record`, every request that it received (private
    keys included). `spare_accounts` are further accounts for `new_account`. The process gets the
    same ports again on `start` after `stop` or `kill`. Use it as a context, or start and stop it.
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
        """Of the process that runs."""
        return self._running().pid

    @property
    def running(self) -> bool:
        """Whether it was started, and neither stopped nor killed since."""
        return self._process is not None

    @property
    def log(self) -> str:
        """What the process wrote to its standard error."""
        return (self.folder / "sandbox.log").read_text()

    @property
    def account(self) -> dict[str, str]:
        """Settings of an account at this cloud, secrets included: its first account's."""
        return self._settings(self.access_key_id, self.access_key_secret)

    def new_account(self) -> dict[str, str]:
        """Settings of an account that no one has used yet."""
        return self._settings(*next(self._spare))

    def start(self) -> None:
        """Returns once it listens; AssertionError with its log if it does not."""
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
        ready = _first_line(process)
        if ready is None:
            _end(process, signal.SIGKILL)
            raise AssertionError(f"the sandbox did not start: {self.log}")
        self._process = process
        self.endpoint, self.edge = ready["endpoint"], ready["edge"]

    def stop(self) -> None:
        """Ask it to end, and wait; nothing if it does not run."""
        self._finish(signal.SIGTERM)

    def kill(self) -> None:
        """End it without warning; nothing if it does not run."""
        self._finish(signal.SIGKILL)

    def restart(self) -> None:
        """Kill and start: same ports, same state, no faults."""
        self.kill()
        self.start()

    def seed(self, service: str, *, account: str | None = None, **entries: list[Row]) -> int:
        """Create resources, e.g. `seed("cdn", domains=[{"name": ...}])`; how many there are."""
        owner = {} if account is None else {"account": account}
        reply = self._ask("POST", "seed", {"service": service, **owner, **entries})
        return int(reply["created"])

    def fault(self, kind: str, operation: str = "*", **rule: Any) -> int:
        """Put a fault in force, until cleared; its number. See the sandbox for kinds and fields."""
        reply = self._ask("POST", "faults", {"kind": kind, "operation": operation, **rule})
        return int(reply["ids"][0])

    def hits(self, fault: int) -> int:
        """How often a fault that is in force has struck."""
        rows = self._ask("GET", "faults")["faults"]
        return next(int(row["hits"]) for row in rows if row["id"] == fault)

    def clear_faults(self) -> None:
        """From now on everything goes well again."""
        self._ask("DELETE", "faults")

    def propagation(self, seconds: float) -> None:
        """How long the edge takes to serve what was bound, from the next change on."""
        self._ask("POST", "propagation", {"seconds": seconds})

    def limit(self, store: str, certificates: int | None) -> None:
        """How many certificates a store ("cas", "clb") takes from now on; None is no limit."""
        self._ask("POST", "limits", {store: certificates})

    def latency(self, milliseconds: float) -> None:
        """What each call takes at least, from now on."""
        self._ask("POST", "latency", {"milliseconds": milliseconds})

    def add_edge(self, host: str, port: int = 0, **how: Any) -> str:
        """One more edge on loopback; its address. `how`: `frozen`, `default`, see the sandbox."""
        return str(self._ask("POST", "edges", {"host": host, "port": port, **how})["address"])

    def close_edge(self, address: str | None = None) -> None:
        """Nothing listens at this address any more, by default the usual edge's."""
        self._ask("DELETE", f"edges/{address or self.edge}")

    def edge_fault(self, kind: str, host: str = "*", **rule: Any) -> None:
        """From now on edges do wrong with these names, a glob; see the sandbox for the kinds."""
        self._ask("POST", "edge_faults", {"kind": kind, "host": host, **rule})

    def clear_edge_faults(self) -> None:
        """From now on they do everything right again."""
        self._ask("DELETE", "edge_faults")

    def resources(self, **filters: str) -> list[Row]:
        """All resources, or those whose fields (`account`, `service`, `name`) are as given."""
        rows = self._ask("GET", "state")["resources"]
        return [row for row in rows if filters.items() <= row.items()]

    def certificates(self, **filters: str) -> list[Row]:
        """All certificates in the store, or those whose fields (`account`, `fingerprint`) fit."""
        rows = self._ask("GET", "state")["certificates"]
        return [row for row in rows if filters.items() <= row.items()]

    def calls(self) -> dict[str, dict[str, int]]:
        """How many calls of each operation ("cdn.DescribeUserDomains") ended with each code."""
        reply: dict[str, dict[str, int]] = self._ask("GET", "calls")["calls"]
        return reply

    def requests(self, account: str | None = None) -> list[Row]:
        """Every request received so far, in order; of one account's key id, or of all."""
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

    def _running(self) -> subprocess.Popen[str]:
        assert self._process is not None, "it does not run"
        return self._process

    def _finish(self, how: signal.Signals) -> None:
        if self._process is not None:
            _end(self._process, how)
            self._process = None


def _first_line(process: subprocess.Popen[str]) -> Row | None:
    """The JSON that tells it is ready; None if it ended, or was silent for too long."""
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


def _end(process: subprocess.Popen[str], how: signal.Signals) -> None:
    process.send_signal(how)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
