"""Real ACME clients and a real ACME server (pebble), all of it on loopback."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from starter.temporal.processes import Child, find_free_port, wait_for_port
from tests.support.factory import CA

HOSTS = ("a.example.com", "b.example.com")
CERTROLL = f"{sys.executable} -m starter.cli"
PEBBLE = shutil.which("pebble")


class AcmeServer:
    """Pebble, which takes every challenge as met."""

    def __init__(self, folder: Path, ca: CA) -> None:
        self.folder, self.root = folder, folder / "root.pem"
        leaf = ca.leaf(["localhost"])
        self.root.write_bytes(ca.root_pem)
        (folder / "server.pem").write_bytes(leaf.pem)
        (folder / "server.key").write_bytes(leaf.key_pem)
        self.port, management = find_free_port(), find_free_port()
        config = {
            "listenAddress": f"127.0.0.1:{self.port}",
            "managementListenAddress": f"127.0.0.1:{management}",
            "certificate": "server.pem",
            "privateKey": "server.key",
            "httpPort": find_free_port(),
            "tlsPort": find_free_port(),
        }
        (folder / "pebble.json").write_text(json.dumps({"pebble": config}))
        self.directory = f"https://localhost:{self.port}/dir"

    def __enter__(self) -> Self:
        env = {"PEBBLE_VA_ALWAYS_VALID": "1", "PEBBLE_WFE_NONCEREJECT": "0"}
        # It looks for its files from where it is started.
        command = ["/bin/sh", "-c", f"cd {self.folder} && exec {PEBBLE} -config pebble.json"]
        self.child = Child("pebble", command, log=self.folder / "pebble.log", env=env)
        wait_for_port(self.child, self.port)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.child.stop()


@dataclass(frozen=True)
class ClientResult:
    """How a client ended, and all that it wrote."""

    code: int
    output: str


class Client:
    """One client with a folder of its own; `env` is what its hook finds besides."""

    name = ""
    code_of_failure = 0
    """What it ends with itself after a hook that ended with code 5."""

    def __init__(self, program: str, folder: Path, server: AcmeServer, env: dict[str, str]) -> None:
        self.program, self.folder, self.server, self.env = program, folder, server, env

    def files(self) -> tuple[Path, Path]:
        """The certificate with its chain, and its key."""
        raise NotImplementedError

    def run(self, *words: str) -> ClientResult:
        """The client with these words, as a job at night would call it: without a terminal."""
        done = subprocess.run(
            [self.program, *words],
            env={**os.environ, **self.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=100,
        )
        return ClientResult(done.returncode, done.stdout)

    def hook(self, *words: str) -> str:
        return " ".join([CERTROLL, "hook", self.name, *words])


class Certbot(Client):
    """Version 5.8 ends with 0 whatever its deploy hook ends with, and writes a warning."""

    name = "certbot"

    def _common(self) -> Sequence[str]:
        self.env["REQUESTS_CA_BUNDLE"] = str(self.server.root)
        folders = (f"--{each}-dir={self.folder / each}" for each in ("config", "work", "logs"))
        listen = ("--http-01-address=127.0.0.1", f"--http-01-port={find_free_port()}")
        return (*folders, *listen, "--server", self.server.directory, "--non-interactive")

    def files(self) -> tuple[Path, Path]:
        lineage = self.folder / "config" / "live" / HOSTS[0]
        return lineage / "fullchain.pem", lineage / "privkey.pem"

    def obtain(self, *words: str) -> ClientResult:
        hosts = (part for host in HOSTS for part in ("-d", host))
        account = ("--agree-tos", "--register-unsafely-without-email", "--standalone")
        return self.run(
            "certonly", *self._common(), *account, *hosts, "--deploy-hook", self.hook(*words)
        )

    def renew(self, *words: str) -> ClientResult:
        now = ("--force-renewal", "--no-random-sleep-on-renew")
        return self.run("renew", *self._common(), *now, "--deploy-hook", self.hook(*words))


class Lego(Client):
    """Version 4.9 ends with the code of its hook."""

    name = "lego"
    code_of_failure = 5

    def _common(self) -> Sequence[str]:
        self.env["LEGO_CA_CERTIFICATES"] = str(self.server.root)
        hosts = (part for host in HOSTS for part in ("--domains", host))
        known = ("--server", self.server.directory, "--path", str(self.folder), "--accept-tos")
        listen = ("--http", "--http.port", f"127.0.0.1:{find_free_port()}")
        return (*known, "--email", "a@example.com", *listen, *hosts)

    def files(self) -> tuple[Path, Path]:
        place = self.folder / "certificates"
        return place / f"{HOSTS[0]}.crt", place / f"{HOSTS[0]}.key"

    def obtain(self, *words: str) -> ClientResult:
        return self.run(*self._common(), "run", "--run-hook", self.hook(*words))

    def renew(self, *words: str) -> ClientResult:
        now = ("--days", "9999", "--no-random-sleep")
        return self.run(*self._common(), "renew", *now, "--renew-hook", self.hook(*words))


class AcmeSh(Client):
    """Version 3.1 ends with 1 after a reload command that has failed."""

    name = "acme.sh"
    code_of_failure = 1

    def _common(self) -> Sequence[str]:
        server = ("--server", self.server.directory, "--ca-bundle", str(self.server.root))
        return ("--home", str(self.folder), *server)

    def files(self) -> tuple[Path, Path]:
        place = self.folder / f"{HOSTS[0]}_ecc"
        return place / "fullchain.cer", place / f"{HOSTS[0]}.key"

    def obtain(self, *words: str) -> ClientResult:
        hosts = (part for host in HOSTS for part in ("-d", host))
        web = self.folder / "web"
        web.mkdir(exist_ok=True)
        reload = ("--reloadcmd", self.hook(*words))
        return self.run("--issue", *self._common(), *hosts, "-w", str(web), *reload)

    def renew(self, *words: str) -> ClientResult:
        """Renew with the stored hook command; other words replace it first."""
        reload = ("--reloadcmd", self.hook(*words))
        installed = self.run("--install-cert", *self._common(), "-d", HOSTS[0], *reload)
        renewed = self.run("--renew", *self._common(), "-d", HOSTS[0], "--force")
        return ClientResult(renewed.code, installed.output + renewed.output)


CLIENTS: dict[str, tuple[type[Certbot | Lego | AcmeSh], str | None]] = {
    "certbot": (Certbot, shutil.which("certbot", path=str(Path(sys.executable).parent))),
    "lego": (Lego, shutil.which("lego")),
    "acme.sh": (AcmeSh, os.environ.get("CERTROLL_ACME_SH") or shutil.which("acme.sh")),
}
