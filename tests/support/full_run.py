"""Run a deployment from start to end in real processes, and collect all that it leaves behind."""

import asyncio
import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

from pytest_httpserver import HTTPServer

from starter.temporal.client import connect
from starter.temporal.processes import Child, find_free_port, find_temporal_binary, wait_for_port
from storage.settings import Settings
from tests.support.factory import CA, Leaf, build_pfx
from tests.support.practice_cloud import PracticeCloud

PASSPHRASE = "Sesame/open+42"
WEBHOOK_TOKEN = "hook-token-7f3a91c2"
UPLOAD, SET = "UploadUserCertificate", "SetCdnDomainSSLCertificate"
NAMES = {
    "ec": ("one.ec.example.com", "two.ec.example.com"),
    "rsa": ("one.rsa.example.com", "two.rsa.example.com"),
    "pfx": ("one.pfx.example.com",),
}


class FullRun:
    """Upload certificates, deploy them past every kind of failure, and roll them back.

    `evidence` is all that was left behind, by origin: histories, files, outputs, webhook bodies.
    """

    def __init__(self, folder: Path, cloud: PracticeCloud, hooks: HTTPServer, ca: CA) -> None:
        self.folder, self.cloud, self.hooks, self.ca = folder, cloud, hooks, ca
        self.home, self.inputs, self.temporary = folder / "home", folder / "in", folder / "tmp"
        for new in (self.home, self.inputs, self.temporary):
            new.mkdir(mode=0o700)
        self.port = find_free_port()
        self.leaves: dict[str, Leaf] = {}
        self.evidence: dict[str, bytes] = {}
        self.faults: list[int] = []  # each strikes once
        self._number = count(1)
        self.env = {
            "CERTROLL_HOME": str(self.home),
            "CERTROLL_TEMPORAL_ADDRESS": f"127.0.0.1:{self.port}",
            "CERTROLL_LOG_LEVEL": "DEBUG",
            "CERTROLL_DEBUG": "1",
            "TMPDIR": str(self.temporary),
        }

    def run(self) -> None:
        """Takes about half a minute."""
        self._certroll("database migrate")
        temporal, worker = self._start_temporal(), None
        try:
            worker = self._start_worker()
            self._upload()
            self._upload_what_is_refused()
            self._prepare()
            self._add_faults()
            self._deploy_and_roll_back()
            self._print_everything()
            asyncio.run(self._collect_histories())
            self._collect_files("while running")
        finally:
            for child in (worker, temporal):
                if child is not None:
                    child.stop()
        self._collect_files("at the end")

    def write_input(self, name: str, data: bytes | str) -> str:
        """Write a file that a person would hand over; it is not part of the evidence."""
        path = self.inputs / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return str(path)

    def _certroll(self, line: str, code: int = 0, **env: str) -> None:
        words = shlex.split(line)
        done = subprocess.run(
            [sys.executable, "-m", "starter.cli", *words],
            env={**os.environ, **self.env, **env},
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        origin = f"output {next(self._number):02}: certroll {' '.join(words[:2])}"
        self.evidence[origin] = done.stdout + done.stderr
        assert done.returncode == code, f"{origin} ended with {done.returncode}"

    def _certroll_each(self, *lines: str, code: int = 0) -> None:
        """Two at a time, because each takes a second."""
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda line: self._certroll(line, code), lines))

    def _start_temporal(self) -> Child:
        command = [find_temporal_binary(), "server", "start-dev", "--ip", "127.0.0.1", "--headless"]
        command += ["--port", str(self.port), "--log-level", "debug"]
        command += ["--db-filename", str(self.home / "temporal.db")]
        command += ["--sqlite-pragma", "journal_mode=wal"]
        child = Child("Temporal", command, log=self.home / "logs" / "temporal.log")
        wait_for_port(child, self.port)
        return child

    def _start_worker(self) -> Child:
        log = self.home / "logs" / "worker.log"
        return Child("the worker", [sys.executable, "-m", "worker"], log=log, env=self.env)

    def _upload(self) -> None:
        for kind, names in NAMES.items():
            algorithm = "rsa" if kind == "rsa" else "ec"
            self.leaves[kind] = self.ca.leaf(list(names), algorithm=algorithm)
        ec, rsa = self.leaves["ec"], self.leaves["rsa"]
        leaf, chain = (
            self.write_input("ec.pem", ec.leaf_pem),
            self.write_input("chain.pem", ec.chain_pem),
        )
        key, whole = (
            self.write_input("ec.key", ec.key_pem),
            self.write_input("rsa.pem", rsa.pem + rsa.key_pem),
        )
        sealed = self.write_input("pfx.pfx", build_pfx(self.leaves["pfx"], PASSPHRASE))
        secret = self.write_input("passphrase", PASSPHRASE)
        self._certroll_each(
            f"certificate upload ec --certificate {leaf} --chain {chain} --key {key}",
            f"certificate upload rsa --certificate {whole} --json",
            f"certificate upload pfx --pfx {sealed} --passphrase-file {secret}",
        )

    def _upload_what_is_refused(self) -> None:
        ec, rsa = self.leaves["ec"], self.leaves["rsa"]
        leaf, key = self.write_input("ec.pem", ec.pem), self.write_input("ec.key", ec.key_pem)
        wrong, cut = (
            self.write_input("rsa.key", rsa.key_pem),
            self.write_input("cut.key", ec.key_pem[:150]),
        )
        broken = self.write_input("cut.pfx", b"0\x82" * 99)
        upload = "certificate upload refused"
        self._certroll_each(
            f"{upload} --certificate {leaf} --key {wrong}",
            f"{upload} --certificate {leaf} --key {cut}",
            f"{upload} --certificate {leaf} --key {key} --json",
            code=2,
        )
        self._certroll(f"{upload} --pfx {broken}", 2, CERTROLL_PASSPHRASE=PASSPHRASE)

    def _prepare(self) -> None:
        domains = []
        for name in (name for names in NAMES.values() for name in names):
            former = self.ca.leaf([name])
            pem = {"pem": former.pem.decode(), "key": former.key_pem.decode()}
            domains.append({"name": name, "certificate": pem})
        self.cloud.seed("cdn", domains=domains)
        secret = self.write_input("secret", self.cloud.access_key_secret)
        self._certroll(
            f"account add main --provider alibaba --access-key-id {self.cloud.access_key_id} "
            f"--access-key-secret-file {secret} --endpoint {self.cloud.endpoint} "
            f"--probe-address {self.cloud.edge} --propagation 3"
        )
        self._certroll("inventory sync --service alibaba.cdn")
        self.hooks.expect_request("/hook").respond_with_data("fine")
        url = self.write_input("hook", self.hooks.url_for(f"/hook?token={WEBHOOK_TOKEN}"))
        self._certroll(f"contact add team --webhook-file {url}")
        self._certroll_each("contact test team", "quota grant 10")

    def _add_faults(self) -> None:
        """Let the first calls fail in every way, and one upload with an answer that repeats it.

        A gateway that could not verify a request answers like that.
        """
        echo = f"string to sign: POST&Key={self.leaves['pfx'].key_pem.decode()}"
        self.cloud.add_fault(
            "error", UPLOAD, resource="*pfx*", code="Forbidden.RAM", status=403, message=echo
        )
        # A name in the store ends in "-" and hexadecimal digits: "*ec*" could be any of them.
        once = [(kind, UPLOAD, "*-ec-*") for kind in ("reset", "lost")]
        once += [(kind, SET, "one.ec*") for kind in ("reset", "lost")]
        once += [(kind, UPLOAD, "*rsa*") for kind in ("5xx", "throttle")]
        once += [("5xx", SET, "one.rsa*"), ("throttle", SET, "two.rsa*")]
        for kind, operation, resource in once:
            more = {"html": True} if kind == "5xx" and operation == UPLOAD else {}
            self.faults.append(
                self.cloud.add_fault(kind, operation, resource=resource, count=1, **more)
            )

    def _deploy_and_roll_back(self) -> None:
        chosen = "--certificate ec --certificate rsa --certificate pfx --all-matched"
        self._certroll(f"task create {chosen} --name release --contact team --yes --wait", 5)
        self._certroll("task rollback release --reason wrong --yes --wait")

    def _print_everything(self) -> None:
        """Run every command that prints something."""
        lists = [f"{noun} list --json" for noun in ("certificate", "account", "contact", "task")]
        self._certroll_each(
            *lists,
            "certificate show rsa",
            "inventory list",
            "task show release",
            "task show release --json",
            "plan create --certificate ec --all-matched --name kept --json",
            "task report release",
            "report key",
            "expiry --format json",
            "certificate cleanup --dry-run",
        )
        self._certroll("plan export kept")
        self.cloud.add_fault("reset", "DescribeUserDomains")
        self._certroll("inventory sync --here --service alibaba.cdn", 3)

    async def _collect_histories(self) -> None:
        client = await connect(Settings(home=self.home, temporal_address=f"127.0.0.1:{self.port}"))
        async for run in client.list_workflows():
            handle = client.get_workflow_handle(run.id, run_id=run.run_id)
            history = await handle.fetch_history()
            raw = b"".join(event.SerializeToString() for event in history.events)
            self.evidence[f"history {run.id} {run.run_id}, JSON"] = history.to_json().encode()
            self.evidence[f"history {run.id} {run.run_id}, raw"] = raw

    def _collect_files(self, when: str) -> None:
        """All files but the key-encryption key and the inputs, and the bodies of all webhooks."""
        for root in (self.home, self.temporary):
            for path in sorted(root.rglob("*")):
                if path.is_file() and path != self.home / "kek":
                    self.evidence[f"file {path.relative_to(self.folder)} {when}"] = (
                        path.read_bytes()
                    )
        bodies = [request.get_data() for request, _ in self.hooks.log]
        self.evidence["webhooks"] = b"\n".join(bodies)
