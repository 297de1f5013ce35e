"""acme.sh with its deploy hook `ali_cdn` as it ships, from a checkout that the user names.

None of its code lies here and none is changed. The hook calls one fixed address; what brings its
calls to the practice cloud is a `curl` of ours, first on its PATH, which goes nowhere else.
"""

import hashlib
import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.peers.field import ZONE, Field
from benchmarks.peers.verdict import Claims
from starter.demo.ca import Issued

API = "https://cdn.aliyuncs.com"
HOOKS = ("deploy/ali_cdn.sh", "dnsapi/dns_ali.sh")
DEPLOYED = re.compile(r"Domain (\S+) certificate has been deployed successfully")
LONGEST = 600.0

CURL = """#!/bin/sh
# Calls to the cloud go to the practice cloud, and nothing goes anywhere else.
for word do
  shift
  case $word in {api}/*) word="{endpoint}/${{word#{api}/}}" ;; esac
  set -- "$@" "$word"
done
exec {curl} --noproxy '*' --proto =http --connect-to '::{address}' "$@"
"""


class AcmeSh:
    """A checkout, and how its users run it: once per domain in a loop, or once with a list."""

    def __init__(self, program: Path, *, at_once: bool) -> None:
        self.program, self.at_once = program, at_once
        self.name = "acme.sh, a list" if at_once else "acme.sh, a loop"
        self.only_with_faults = False

    def run(self, field: Field, folder: Path) -> Claims:
        """Deploys to all names of the field, with a new home each time."""
        home = write_home(folder, field.wanted)
        env = {
            "PATH": f"{write_curl(folder, field.cloud['endpoint'])}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(folder),
            "Ali_Key": field.cloud["access_key_id"],
            "Ali_Secret": field.cloud["access_key_secret"],
        }
        groups = [field.names] if self.at_once else [[name] for name in field.names]
        before, by_code, output = field.count_calls(), set[str](), ""
        field.activate_faults()
        began = time.perf_counter()
        for names in groups:
            done = self._deploy(home, {**env, "DEPLOY_ALI_CDN_DOMAIN": " ".join(names)})
            output += done.stdout
            by_code |= set(names) if done.returncode == 0 else set()
        seconds = time.perf_counter() - began
        return Claims(
            frozenset(by_code), list_deployed(output), seconds, field.count_calls() - before
        )

    def version(self) -> str:
        """Its version and, since checkouts differ, a digest of the two files that deploy."""
        text = self.program.read_text()
        found = re.search(r"^VER=(\S+)", text, re.MULTILINE)
        files = [self.program.parent / name for name in HOOKS]
        digest = hashlib.sha256(b"".join(one.read_bytes() for one in files)).hexdigest()
        return f"{found.group(1) if found else 'unknown'} (hook {digest[:12]})"

    def _deploy(self, home: Path, env: dict[str, str]) -> "subprocess.CompletedProcess[str]":
        words = ["--deploy", "--domain", ZONE, "--deploy-hook", "ali_cdn", "--ecc"]
        return subprocess.run(
            [str(self.program), *words, "--home", str(home)],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=LONGEST,
        )


def find_program(path: Path) -> Path:
    """The script at this path or in this folder; SystemExit if there is none."""
    script = (path / "acme.sh" if path.is_dir() else path).resolve()
    lacking = [
        one for one in (script, *(script.parent / name for name in HOOKS)) if not one.exists()
    ]
    if lacking:
        raise SystemExit(f"{lacking[0]} is missing: give --acme-sh a checkout of acme.sh")
    for tool in ("curl", "openssl"):
        if shutil.which(tool) is None:
            raise SystemExit(f"acme.sh needs {tool}, which is not on PATH")
    return script


def list_deployed(output: str) -> frozenset[str]:
    """The names that the log reports as deployed."""
    return frozenset(DEPLOYED.findall(output))


def write_home(folder: Path, wanted: Issued) -> Path:
    """Creates a home with this certificate where acme.sh stores issued ones."""
    home = folder / "acme.sh"
    folder_ = home / f"{ZONE}_ecc"
    folder_.mkdir(parents=True)
    facts = {"Domain": ZONE, "Alt": f"*.{ZONE}", "Keylength": "ec-256"}
    (folder_ / f"{ZONE}.conf").write_text(_format_settings(facts.items()))
    files: Sequence[tuple[str, bytes]] = (
        (f"{ZONE}.key", wanted.key_pem),
        (f"{ZONE}.cer", wanted.leaf_pem),
        ("ca.cer", wanted.chain_pem),
        ("fullchain.cer", wanted.pem),
    )
    for name, content in files:
        (folder_ / name).touch(0o600)
        (folder_ / name).write_bytes(content)
    return home


def write_curl(folder: Path, endpoint: str) -> Path:
    """Creates a folder with a `curl` that calls only this endpoint (http://HOST:PORT)."""
    folder_ = folder / "bin"
    folder_.mkdir(exist_ok=True)
    script = folder_ / "curl"
    address = endpoint.removeprefix("http://")
    real = shutil.which("curl")
    script.write_text(CURL.format(api=API, endpoint=endpoint, address=address, curl=real))
    script.chmod(0o755)
    return folder_


def _format_settings(facts: Iterable[tuple[str, str]]) -> str:
    return "".join(f"Le_{name}='{value}'\n" for name, value in facts)
