"""The demonstration: the whole thread against the practice cloud, with the real commands."""

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

from domain.certificates.hostnames import probe_name, to_ascii
from domain.tasks.messages import workflow_id
from domain.tasks.record import TaskRecord
from domain.tasks.status import TaskStatus
from operations.tls.handshake import Endpoint, look
from starter.demo.ca import PracticeCA
from starter.requests.tasks import watch
from starter.temporal.embedded import Embedded
from starter.temporal.processes import Child, free_port, start_sandbox, temporal_binary
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
    """Everything that the demonstration starts, in a folder of its own, and stops again."""

    def __init__(self, folder: Path) -> None:
        self.console = Console(highlight=False)
        self.folder = folder
        self.settings = Settings(home=folder / "home", database_url=None, temporal_address=None)
        self.ca = PracticeCA("demo")
        self.here = Embedded(self.settings, free_port(), free_port())
        self.sandbox: Child | None = None
        self.cloud: dict[str, str] = {}

    def start(self) -> None:
        """The practice cloud with twelve domains, then Temporal and a worker, on free ports."""
        seed, faults = self.folder / "seed.json", self.folder / "faults.json"
        seed.write_text(json.dumps({"service": "cdn", "domains": list(map(self._seed, DOMAINS))}))
        faults.write_text(json.dumps(list(_faults())))
        options = ["--seed-file", str(seed), "--faults", str(faults), "--propagation", "0.5"]
        self.sandbox, self.cloud = start_sandbox(self.settings.home, options)
        self.here.start()

    def stop(self) -> None:
        """Leaves nothing running."""
        self.here.stop()
        if self.sandbox:
            self.sandbox.stop()

    def show(self) -> None:
        """Certificates, inventory, plan, task, rollback: each step as a person would do it."""
        self._say("Two certificates of an authority made on the spot, one EC and one RSA")
        self._upload("demo-ec", ["demo.example", "*.demo.example", "*.apps.demo.example"], "ec")
        self._upload("demo-rsa", list(BY_RSA), "rsa")
        self._say("An account at the practice cloud, its domains, and quota")
        self._certroll(
            *("account", "add", ACCOUNT, "--provider", "alibaba"),
            *("--access-key-id", self.cloud["access_key_id"], "--propagation", "15"),
            *("--endpoint", self.cloud["endpoint"], "--probe-address", self.cloud["edge"]),
            env={"CERTROLL_ACCESS_KEY_SECRET": self.cloud["access_key_secret"]},
        )
        self._certroll("inventory", "sync", "--service", SERVICE)
        self._certroll("quota", "grant", "20", "--note", "for the demonstration")
        chosen = ["--certificate", "demo-ec", "--certificate", "demo-rsa", "--all-matched"]
        chosen += ["--resource", f"{ACCOUNT}/{SERVICE}/{HTTP_ONLY}"]
        self._say("What would change: nothing is touched yet")
        self._certroll("plan", "create", *chosen, "--name", "autumn renewal")
        self._certroll("quota", "show")
        before = self._served()
        self._say("A task of this plan in two seconds, watched until it ends (one domain fails)")
        task = ["--plan", "autumn renewal", "--at", "in 2s", "--yes", "--wait"]
        self._certroll("task", "create", *task, expected=(5,))
        record = self._task()
        self._certroll("task", "show", record.id)
        self._certroll("quota", "show")
        after = self._served()
        self._say("One signal takes it back; any service can send it")
        self._signal(record)
        self._wait_until_back(record)
        self._certroll("task", "show", record.id)
        self._compare(before, after, self._served())

    def addresses(self) -> None:
        """Where to look."""
        self.console.print(f"Temporal Web UI  {self.here.web}", soft_wrap=True)
        self.console.print(f"Temporal         {self.here.address}")
        self.console.print(f"practice cloud   {self.cloud['endpoint']}  TLS {self.cloud['edge']}")
        self.console.print(f"home             {self.settings.home}", soft_wrap=True)

    def _seed(self, name: str) -> dict[str, object]:
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
        self._certroll(*command)

    def _certroll(
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

    def _signal(self, record: TaskRecord) -> None:
        body = {"resources": None, "reason": "demonstration", "requested_by": "another service"}
        words = ["workflow", "signal", "--address", self.here.address]
        words += ["--workflow-id", workflow_id(record.id), "--name", "rollback"]
        words += ["--input", json.dumps(body)]
        shown = " ".join(word if " " not in word else f"'{word}'" for word in words)
        self.console.print(f"[bold]$ temporal {shown}[/bold]", soft_wrap=True)
        self._run([temporal_binary(), *words], {}, (0,))

    def _task(self) -> TaskRecord:
        with Store.open(self.settings) as store:
            return store.tasks.list()[0]

    def _wait_until_back(self, record: TaskRecord) -> None:
        ends = frozenset({TaskStatus.ROLLED_BACK, TaskStatus.PARTIALLY_ROLLED_BACK})

        async def wait() -> None:
            with Store.open(self.settings) as store:
                async for _ in watch(store, record.id, until=ends):
                    pass

        asyncio.run(asyncio.wait_for(wait(), timeout=120))

    def _served(self) -> dict[str, str]:
        """What a handshake with each domain shows: a fingerprint, or that there is none."""
        host, _, port = self.cloud["edge"].rpartition(":")
        found = {}
        for domain in DOMAINS:
            name = probe_name(f"*{domain}" if domain.startswith(".") else to_ascii(domain))
            seen = look(Endpoint(host=host, port=int(port), server_name=name))
            found[domain] = seen.fingerprint or "none"
        return found

    def _compare(self, *times: dict[str, str]) -> None:
        """The proof by handshake; a domain that is not as it was ends the demonstration."""
        self._say("Seen by TLS handshake")
        table = Table("domain", "before", "after the task", "after the rollback")
        for domain in DOMAINS:
            table.add_row(domain, *(seen[domain][:12] for seen in times))
        self.console.print(table)
        wrong = [domain for domain in DOMAINS if times[0][domain] != times[-1][domain]]
        unchanged = [d for d in DOMAINS if times[0][d] == times[1][d]]
        if wrong or unchanged != [FAILS]:
            raise SystemExit(f"not as expected: {wrong or unchanged}")
        self.console.print("Every domain serves again what it served before.")

    def _say(self, text: str) -> None:
        self.console.print()
        self.console.rule(f"[bold]{text}", align="left")


def _faults() -> list[dict[str, object]]:
    """One domain fails for good, two are throttled at first, once with the cloud's retry hint."""
    refused = {"code": "IllegalOperation", "status": 403}
    message = "The domain is locked by another operation of its owner."
    broken = {"kind": "error", "resource": FAILS, **refused, "message": message}
    hinted = {"kind": "throttle", "resource": THROTTLED[0], "count": 2, "retry_after_ms": 300}
    bare = {"kind": "throttle", "resource": THROTTLED[1], "count": 1}
    return [{**rule, "operation": SET} for rule in (broken, hinted, bare)]


def run(keep: bool) -> None:
    """Shows it all; with `keep` everything stays up until Ctrl-C."""
    with tempfile.TemporaryDirectory(prefix="certroll-demo-") as folder:
        demo = Demo(Path(folder))
        try:
            demo.start()
            demo.show()
            demo.console.print()
            demo.addresses()
            if keep:
                demo.console.print("Kept up until Ctrl-C.")
                _until_interrupted()
        finally:
            demo.stop()
        demo.console.print("Stopped; nothing is left running.")


def _until_interrupted() -> None:
    import threading

    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return
