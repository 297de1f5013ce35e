"""Files and variables as ACME clients hand them to their hooks; recorded from real runs.

certbot 5.8.0, acme.sh 3.1.4, lego 4.9.1 against an ACME server on loopback; those of lego 5.3 are
as its documentation names them.
"""

import os
from collections.abc import Callable
from pathlib import Path

from tests.support.factory import Leaf

Given = dict[str, str]

HOST = "shop.example.com"
HOSTS = (HOST, "www.shop.example.com")


def write_certbot_files(folder: Path, leaf: Leaf, hosts: tuple[str, ...] = HOSTS) -> Given:
    """A lineage: links to files with numbers, of which a renewal adds one more of each."""
    lineage, archive = folder / "live" / hosts[0], folder / "archive" / hosts[0]
    lineage.mkdir(parents=True, exist_ok=True)
    archive.mkdir(parents=True, exist_ok=True)
    number = len(list(archive.glob("cert*.pem"))) + 1
    contents = {
        "cert": leaf.leaf_pem,
        "chain": leaf.chain_pem,
        "fullchain": leaf.pem,
        "privkey": leaf.key_pem,
    }
    for kind, content in contents.items():
        (archive / f"{kind}{number}.pem").write_bytes(content)
        link = lineage / f"{kind}.pem"
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.relpath(archive / f"{kind}{number}.pem", lineage))
    return {"RENEWED_LINEAGE": str(lineage), "RENEWED_DOMAINS": " ".join(hosts)}


def write_acme_sh_files(folder: Path, leaf: Leaf, hosts: tuple[str, ...] = HOSTS) -> Given:
    """A folder for each certificate; Le_Domain is only the first of its names."""
    ending = "_ecc" if len(leaf.key_pem) < 500 else ""
    place = folder / f"{hosts[0]}{ending}"
    place.mkdir(exist_ok=True)
    files = {
        "CERT_PATH": (f"{hosts[0]}.cer", leaf.leaf_pem),
        "CERT_KEY_PATH": (f"{hosts[0]}.key", leaf.key_pem),
        "CA_CERT_PATH": ("ca.cer", leaf.chain_pem),
        "CERT_FULLCHAIN_PATH": ("fullchain.cer", leaf.pem),
    }
    given = {"Le_Domain": hosts[0]}
    for variable, (name, content) in files.items():
        (place / name).write_bytes(content)
        given[variable] = str(place / name)
    return {**given, "Le_Next_Domain_Key": f"{given['CERT_KEY_PATH']}.next"}


def write_lego_4_files(folder: Path, leaf: Leaf, hosts: tuple[str, ...] = HOSTS) -> Given:
    """One folder for all; PEM and PFX are named by a renewal even where they do not exist."""
    stem = folder / hosts[0].replace("*", "_")
    _lego_files(stem, leaf)
    return {
        "LEGO_ACCOUNT_EMAIL": "a@example.com",
        "LEGO_CERT_DOMAIN": hosts[0],
        "LEGO_CERT_PATH": f"{stem}.crt",
        "LEGO_CERT_KEY_PATH": f"{stem}.key",
        "LEGO_CERT_PEM_PATH": f"{stem}.pem",
        "LEGO_CERT_PFX_PATH": f"{stem}.pfx",
    }


def write_lego_5_files(folder: Path, leaf: Leaf, hosts: tuple[str, ...] = HOSTS) -> Given:
    """All variables have another beginning."""
    stem = folder / hosts[0].replace("*", "_")
    _lego_files(stem, leaf)
    return {
        "LEGO_HOOK_ACCOUNT_ID": "a@example.com",
        "LEGO_HOOK_ACCOUNT_EMAIL": "a@example.com",
        "LEGO_HOOK_ACCOUNT_SERVER": "https://localhost:14000/dir",
        "LEGO_HOOK_CERT_NAME": hosts[0],
        "LEGO_HOOK_CERT_NAME_SANITIZED": stem.name,
        "LEGO_HOOK_CERT_KEY_TYPE": "EC256",
        "LEGO_HOOK_CERT_DOMAINS": ",".join(hosts),
        "LEGO_HOOK_CERT_PATH": f"{stem}.crt",
        "LEGO_HOOK_CERT_KEY_PATH": f"{stem}.key",
        "LEGO_HOOK_ISSUER_CERT_PATH": f"{stem}.issuer.crt",
    }


CLIENTS: dict[str, tuple[str, Callable[[Path, Leaf], Given]]] = {
    "certbot 5.8": ("certbot", write_certbot_files),
    "acme.sh 3.1": ("acme.sh", write_acme_sh_files),
    "lego 4.9": ("lego", write_lego_4_files),
    "lego 5.3": ("lego", write_lego_5_files),
}


def _lego_files(stem: Path, leaf: Leaf) -> None:
    stem.with_name(f"{stem.name}.crt").write_bytes(leaf.pem)
    stem.with_name(f"{stem.name}.issuer.crt").write_bytes(leaf.chain_pem)
    stem.with_name(f"{stem.name}.key").write_bytes(leaf.key_pem)
