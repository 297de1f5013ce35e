"""Runs the demo: real commands against a practice cloud. Called by `certroll demo`."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from domain.certificates.hostnames import to_ascii, to_probe_name
from domain.tasks.messages import build_workflow_id
from domain.tasks.record import TaskRecord
from domain.tasks.status import TaskStatus
from operations.tls.handshake import Endpoint, shake_hands
from starter.demo.ca import PracticeCA
from starter.requests.tasks import watch
from starter.temporal.embedded import Embedded
from starter.temporal.processes import Child, find_free_port, find_temporal_binary, start_sandbox
from storage.settings import Settings
from storage.store import Store

ACCOUNT, SERVICE = "practice", "alibaba.cdn"
SET = "SetCdnDomainSSLCertificate"
HTTP_ONLY = "plain.demo.example"
FAILS = "broken.demo.example"
THROTTLED = ("busy1.demo.example", "busy2.demo.example")
BY_RSA = ("pay.demo.example", "mail.demo.example", "old.demo.example")
DOMAINS = (
    "www.demo.example",
    "shop.demo.example",
    "api.demo.example",
    "img.demo.example",
    ".apps.demo.example",
    *BY_RSA,
    *THROTTLED,
    FAILS,
    HTTP_ONLY,
)


class Demo:
    """The processes and files of one demo, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.console = Console(highlight=False)
        self.folder = folder
        self.settings = Settings(home=folder / "home", database_url=None, temporal_address=None)
        self.ca = PracticeCA("demo")
        self.embedded = Embedded(self.settings, find_free_port(), find_free_port())
        self.sandbox: Child | None = None
        self.cloud: dict[str, str] = {}

    def start(self) -> None:
        """Starts the practice cloud with twelve domains, Temporal and a worker, on free ports."""
        seed, faults = self.folder / "seed.json", self.folder / "faults.json"
        seed.write_text(
            json.dumps({"service": "cdn", "domains": list(map(self._build_seed, DOMAINS))})
        )
        faults.write_text(json.dumps(list(_build_faults())))
        options = ["--seed-file", str(seed), "--faults", str(faults), "--propagation", "0.5"]
        self.sandbox, self.cloud = start_sandbox(self.settings.home, options)
        self.embedded.start()

    def stop(self) -> None:
        self.embedded.stop()
        if self.sandbox:
            self.sandbox.stop()

    def run_steps(self) -> None:
        """Certificates, inventory, plan, task, rollback: the commands that a person would run."""
        self._show_heading("Upload two certificates of a new test CA, one EC and one RSA")
        self._upload("demo-ec", ["demo.example", "*.demo.example", "*.apps.demo.example"], "ec")
        self._upload("demo-rsa", list(BY_RSA), "rsa")
        self._show_heading("Add an account of the practice cloud, sync its domains, grant quota")
        self._run_certroll(
            *("account", "add", ACCOUNT, "--provider", "alibaba"),
            *("--access-key-id", self.cloud["access_key_id"], "--propagation", "15"),
            *("--endpoint", self.cloud["endpoint"], "--probe-address", self.cloud["edge"]),
            env={"CERTROLL_ACCESS_KEY_SECRET": self.cloud["access_key_secret"]},
        )
        self._run_certroll("inventory", "sync", "--service", SERVICE)
        self._run_certroll("quota", "grant", "20", "--note", "for the demo")
        options = ["--certificate", "demo-ec", "--certificate", "demo-rsa", "--all-matched"]
        options += ["--resource", f"{ACCOUNT}/{SERVICE}/{HTTP_ONLY}"]
        self._show_heading("Plan the changes: nothing is changed yet")
        self._run_certroll("plan", "create", *options, "--name", "autumn renewal")
        self._run_certroll("quota", "show")
        before = self._read_served()
        self._show_heading("Deploy the plan in two seconds and wait for the end (one domain fails)")
        task = ["--plan", "autumn renewal", "--at", "in 2s", "--yes", "--wait"]
        self._run_certroll("task", "create", *task, expected=(5,))
        record = self._get_task()
        self._run_certroll("task", "show", record.id)
        self._run_certroll("quota", "show")
        after = self._read_served()
        self._show_heading("Roll back with one signal, which any service can send")
        self._send_rollback(record)
        self._wait_until_rolled_back(record)
        self._run_certroll("task", "show", record.id)
        self._compare(before, after, self._read_served())

    def show_addresses(self) -> None:
        self.console.print(f"Temporal Web UI  {self.embedded.web}", soft_wrap=True)
        self.console.print(f"Temporal         {self.embedded.address}")
        self.console.print(f"practice cloud   {self.cloud['endpoint']}  TLS {self.cloud['edge']}")
        self.console.print(f"home             {self.settings.home}", soft_wrap=True)

    def _build_seed(self, name: str) -> dict[str, object]:
        if name == HTTP_ONLY:
            return {"name": name, "certificate": None}
        names = [f"*{name}" if name.startswith(".") else name]
        issued = self.ca.issue(names)
        pem = {"pem": issued.pem.decode(), "key": issued.key_pem.decode()}
        return {"name": name, "certificate": pem}

    def _upload(self, name: str, names: Sequence[str], algorithm: str) -> None:
        issued = self.ca.issue(names, algorithm=algorithm)
        files = {
            "--certificate": issued.leaf_pem,
            "--chain": issued.chain_pem,
            "--key": issued.key_pem,
        }
        command = ["certificate", "upload", name]
        for option, content in files.items():
            path = self.folder / f"{name}{option.replace('--', '-')}.pem"
            path.touch(mode=0o600)
            path.write_bytes(content)
            command += [option, str(path)]
        self._run_certroll(*command)

    def _run_certroll(
        self, *words: str, env: Mapping[str, str] | None = None, expected: Sequence[int] = (0,)
    ) -> None:
        shown = " ".join(word if " " not in word else f"'{word}'" for word in words)
        self.console.print(f"[bold]$ certroll {shown}[/bold]", soft_wrap=True)
        self._run([sys.executable, "-m", "starter.cli", *words], env or {}, expected)

    def _run(self, command: list[str], env: Mapping[str, str], expected: Sequence[int]) -> None:
        ours = {name: v for name, v in os.environ.items() if not name.startswith("CERTROLL_")}
        ours |= {"CERTROLL_HOME": str(self.settings.home), **env}
        done = subprocess.run(command, env=ours, check=False)  # noqa: S603 - our own commands
        if done.returncode not in expected:
            raise SystemExit(f"the command ended with exit code {done.returncode}")

    def _send_rollback(self, record: TaskRecord) -> None:
        body = {"resources": None, "reason": "demo", "requested_by": "another service"}
        words = ["workflow", "signal", "--address", self.embedded.address]
        words += ["--workflow-id", build_workflow_id(record.id), "--name", "rollback"]
        words += ["--input", json.dumps(body)]
        shown = " ".join(word if " " not in word else f"'{word}'" for word in words)
        self.console.print(f"[bold]$ temporal {shown}[/bold]", soft_wrap=True)
        self._run([find_temporal_binary(), *words], {}, (0,))

    def _get_task(self) -> TaskRecord:
        with Store.open(self.settings) as store:
            return store.tasks.list()[0]

    def _wait_until_rolled_back(self, record: TaskRecord) -> None:
        ends = frozenset({TaskStatus.ROLLED_BACK, TaskStatus.PARTIALLY_ROLLED_BACK})

        async def wait() -> None:
            with Store.open(self.settings) as store:
                async for _ in watch(store, record.id, until=ends):
                    pass

        asyncio.run(asyncio.wait_for(wait(), timeout=120))

    def _read_served(self) -> dict[str, str]:
        """The fingerprint that a TLS handshake with each domain shows, or "none"."""
        host, _, port = self.cloud["edge"].rpartition(":")
        found = {}
        for domain in DOMAINS:
            name = to_probe_name(f"*{domain}" if domain.startswith(".") else to_ascii(domain))
            result = shake_hands(Endpoint(host=host, port=int(port), server_name=name))
            found[domain] = result.fingerprint or "none"
        return found

    def _compare(self, *times: dict[str, str]) -> None:
        """Compares the fingerprints; SystemExit unless all domains serve what they did before."""
        self._show_heading("Fingerprints by TLS handshake")
        table = Table("domain", "before", "after the task", "after the rollback")
        for domain in DOMAINS:
            table.add_row(domain, *(seen[domain][:12] for seen in times))
        self.console.print(table)
        wrong = [domain for domain in DOMAINS if times[0][domain] != times[-1][domain]]
        unchanged = [d for d in DOMAINS if times[0][d] == times[1][d]]
        if wrong or unchanged != [FAILS]:
            raise SystemExit(f"not as expected: {wrong or unchanged}")
        self.console.print("Every domain serves again what it served before.")

    def _show_heading(self, text: str) -> None:
        self.console.print()
        self.console.rule(f"[bold]{text}", align="left")


def _build_faults() -> list[dict[str, object]]:
    """One domain always fails, two are throttled at first, one of them with a retry hint."""
    refused = {"code": "IllegalOperation", "status": 403}
    message = "The domain is locked by another operation of its owner."
    broken = {"kind": "error", "resource": FAILS, **refused, "message": message}
    hinted = {"kind": "throttle", "resource": THROTTLED[0], "count": 2, "retry_after_ms": 300}
    bare = {"kind": "throttle", "resource": THROTTLED[1], "count": 1}
    return [{**rule, "operation": SET} for rule in (broken, hinted, bare)]


def run(keep: bool) -> None:
    """Runs the demo; with `keep` everything stays up until Ctrl-C."""
    with tempfile.TemporaryDirectory(prefix="certroll-demo-") as folder:
        demo = Demo(Path(folder))
        try:
            demo.start()
            demo.run_steps()
            demo.console.print()
            demo.show_addresses()
            if keep:
                demo.console.print("Everything stays up until Ctrl-C.")
                _until_interrupted()
        finally:
            demo.stop()
        demo.console.print("Stopped. Nothing is left running.")


def _until_interrupted() -> None:
    import threading

    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return
