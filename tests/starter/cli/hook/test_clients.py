"""`certroll hook` called by the real clients, from the first certificate to a failed renewal."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio.client import Client as Engine

from domain.certificates.renewal import RenewalMode, RenewalPolicy, RenewalSettings
from operations.inventory.service_sync import sync_here
from tests.support.acme_clients import CLIENTS, HOSTS, PEBBLE, AcmeServer, AcmeSh, Certbot, Lego
from tests.support.acme_files import write_certbot_files
from tests.support.command_line import CommandLine
from tests.support.factory import CA, DAY, NOW
from tests.support.stack import ACCOUNT, SERVICE, Stack

ACME_TIMEOUT = 300

# What certbot itself does after a renewal, without an ACME server.
DEPLOY_HOOK = """
import sys
from types import SimpleNamespace
from certbot._internal import hooks
from certbot._internal.display import obj
from certbot._internal.san import DNSName
obj.set_display(obj.NoninteractiveDisplay(sys.stdout))
command, lineage, *hosts = sys.argv[1:]
config = SimpleNamespace(
    deploy_hook=command, directory_hooks=False, dry_run=False, run_deploy_hooks=False
)
hooks.deploy_hook(config, [DNSName(host) for host in hosts], lineage)
"""


@pytest.fixture
def acme(tmp_path: Path, ca: CA) -> Iterator[AcmeServer]:
    """An ACME server, where there is the program."""
    if PEBBLE is None:
        pytest.skip("needs the ACME test server: apt-get install pebble")
    folder = tmp_path / "acme"
    folder.mkdir()
    with AcmeServer(folder, ca) as server:
        yield server


class Site:
    """Hosts that serve what a client has obtained."""

    def __init__(
        self, name: str, folder: Path, acme: AcmeServer, stack: Stack, engine: Engine
    ) -> None:
        kind, program = CLIENTS[name]
        if program is None:
            pytest.skip(f"needs {name}; for acme.sh CERTROLL_ACME_SH may name it")
        folder.mkdir()
        env = {
            "CERTROLL_HOME": str(stack.settings.home),
            "CERTROLL_TEMPORAL_ADDRESS": engine.service_client.config.target_host,
        }
        self.client: Certbot | Lego | AcmeSh = kind(program, folder, acme, env)
        self.stack = stack

    def begin(self) -> str:
        """The first certificate, put where it belongs by hand; its fingerprint."""
        stack = self.stack
        ended = self.client.obtain()
        assert ended.code == 0, ended.output
        assert "it replaces no other certificate" in ended.output
        (first,) = stack.store.certificates.list()
        chain, key = (path.read_text() for path in self.client.files())
        domains = [{"name": host, "certificate": {"pem": chain, "key": key}} for host in HOSTS]
        stack.cloud.seed("cdn", account=stack.key_id, domains=domains)
        assert sync_here(stack.store, stack.connectors, ACCOUNT, SERVICE).error is None
        policy = RenewalPolicy(mode=RenewalMode.AUTOMATIC)
        stack.store.certificates.set_renewal(first.fingerprint, RenewalSettings(policy=policy))
        stack.grant_quota(10)
        return first.fingerprint

    def served(self) -> set[str | None]:
        return {self.stack.get_served(host) for host in HOSTS}

    def check_silence(self, output: str) -> None:
        key = self.client.files()[1].read_text()
        secret = [line for line in key.splitlines() if not line.startswith("-")]
        assert not any(line in output for line in secret)


@pytest.mark.timeout(ACME_TIMEOUT)
@pytest.mark.parametrize("name", CLIENTS)
async def test_a_renewal_is_scheduled_then_served_and_a_failed_one_is_no_success(
    name: str, tmp_path: Path, acme: AcmeServer, stack: Stack, engine: Engine
) -> None:
    site = Site(name, tmp_path / "client", acme, stack, engine)
    client = site.client
    first = await asyncio.to_thread(site.begin)
    asked = await asyncio.to_thread(client.renew)
    (task,) = stack.store.tasks.list()
    assert asked.code == 0, asked.output
    assert f"{task.id}, 2 resources, scheduled for now" in asked.output
    assert not any(word in asked.output for word in (" succeeded (", "2 deployed"))
    assert site.served() == {first}
    (second,) = task.certificates
    async with stack.run_worker(engine):
        await stack.wait_ended(task)
        assert site.served() == {second}
        for host in HOSTS:
            stack.cloud.add_fault(
                "error", "SetCdnDomainSSLCertificate", resource=host, code="Refused", status=403
            )
        failed = await asyncio.to_thread(client.renew, "--wait")
    assert failed.code == client.code_of_failure, failed.output
    assert "failed (2 failed)" in failed.output
    assert "succeeded (" not in failed.output
    if name == "certbot":
        assert "Hook 'deploy-hook' reported error code 5" in failed.output
    assert site.served() == {second}
    site.check_silence(asked.output + failed.output)


@pytest.mark.parametrize("code", [0, 2])
def test_certbots_own_hook_runner_calls_it(
    code: int, tmp_path: Path, certroll: CommandLine
) -> None:
    leaf = CA().leaf(HOSTS, not_after=NOW + 30 * DAY)
    given = write_certbot_files(tmp_path, leaf, HOSTS)
    lineage = given["RENEWED_LINEAGE"] if code == 0 else str(tmp_path)
    hook = f"{sys.executable} -m starter.cli hook certbot"
    done = subprocess.run(
        [sys.executable, "-c", DEPLOY_HOOK, hook, lineage, *HOSTS],
        env={**certroll.env, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    listed = certroll.json("certificate", "list")
    if code == 0:
        assert "Hook 'deploy-hook' ran with output:\n stored         a.example.com (" in done.stdout
        assert [each["fingerprint"] for each in listed] == [leaf.fingerprint]
    else:
        assert "Hook 'deploy-hook' reported error code 2" in done.stderr
        assert "fullchain.pem: the file cannot be read: No such file" in done.stderr
        assert listed == []
