"""What ACME clients hand to their hooks: in which variables, and where the files lie."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from domain.errors import BadInput

Environment = Mapping[str, str]

WILDCARD = ("*.", "_.")  # clients put the latter into file names


class Handed(NamedTuple):
    """A certificate in files. `name` is what the client calls it, `hosts` what it is for.

    `seconds` is how long the client waits for its hook at most; None: for ever.
    """

    name: str
    hosts: tuple[str, ...]
    certificate: Path
    chain: Path | None
    key: Path
    seconds: int | None = None


def from_certbot(given: Environment) -> Handed:
    """A lineage is a folder named as `certbot certificates` names it (certbot 5.8)."""
    lineage = Path(_variable(given, "certbot", "RENEWED_LINEAGE"))
    hosts = _variable(given, "certbot", "RENEWED_DOMAINS").split()
    return Handed(
        name=lineage.name,
        hosts=tuple(hosts),
        certificate=lineage / "fullchain.pem",
        chain=None,
        key=lineage / "privkey.pem",
    )


def from_acme_sh(given: Environment) -> Handed:
    """A folder for each certificate, ending in _ecc where its key is of that kind (acme.sh 3.1).

    So the name tells an RSA certificate for the same host apart, which is renewed by itself.
    """
    host = _variable(given, "acme.sh", "Le_Domain")
    certificate = Path(_variable(given, "acme.sh", "CERT_PATH"))
    ending = "_ecc" if certificate.parent.name.endswith("_ecc") else ""
    whole = given.get("CERT_FULLCHAIN_PATH")
    issuer = _variable(given, "acme.sh", "CA_CERT_PATH") if not whole else None
    return Handed(
        name=f"{_plain(host)}{ending}",
        hosts=(host,),
        certificate=Path(whole) if whole else certificate,
        chain=Path(issuer) if issuer else None,
        key=Path(_variable(given, "acme.sh", "CERT_KEY_PATH")),
    )


def from_lego(given: Environment) -> Handed:
    """Version 5 named all variables anew; both wait for two minutes unless told otherwise."""
    if "LEGO_HOOK_CERT_PATH" in given:
        name = _variable(given, "lego", "LEGO_HOOK_CERT_NAME")
        hosts = tuple(filter(None, given.get("LEGO_HOOK_CERT_DOMAINS", "").split(",")))
        prefix, issuer = "LEGO_HOOK_", given.get("LEGO_HOOK_ISSUER_CERT_PATH")
    else:
        name = _variable(given, "lego", "LEGO_CERT_DOMAIN")
        hosts = (name,)
        prefix, issuer = "LEGO_", given.get("LEGO_ISSUER_CERT_PATH")
    certificate = Path(_variable(given, "lego", f"{prefix}CERT_PATH"))
    # Without --no-bundle it lies in the certificate's file as well, which does no harm.
    chain = Path(issuer) if issuer else certificate.with_suffix(".issuer.crt")
    return Handed(
        name=_plain(name),
        hosts=hosts,
        certificate=certificate,
        chain=chain if issuer or chain.exists() else None,
        key=Path(_variable(given, "lego", f"{prefix}CERT_KEY_PATH")),
        seconds=120,
    )


CLIENTS: dict[str, Callable[[Environment], Handed]] = {
    "certbot": from_certbot,
    "acme.sh": from_acme_sh,
    "lego": from_lego,
}

CALLS = {
    "certbot": "certbot renew --deploy-hook 'certroll hook certbot'",
    "acme.sh": "acme.sh --install-cert -d HOST --reloadcmd 'certroll hook acme.sh'",
    "lego": "lego ... renew --renew-hook 'certroll hook lego' (version 4), "
    "lego run ... --deploy-hook 'certroll hook lego' (version 5)",
}
"""How each client is told to call its hook."""


def _variable(given: Environment, client: str, name: str) -> str:
    value = given.get(name, "").strip()
    if not value:
        raise BadInput(
            f"{name} is not set: {client} sets it for the hook that it calls",
            where=f"hook {client}",
            fix=f"Let {client} call this: {CALLS[client]}",
        )
    return value


def _plain(host: str) -> str:
    return host.replace(*WILDCARD, 1) if host.startswith(WILDCARD[0]) else host
