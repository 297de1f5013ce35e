"""Reads what certbot, acme.sh and lego pass to their hooks: variables and file paths."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from domain.errors import BadInput

Environment = Mapping[str, str]

WILDCARD = ("*.", "_.")  # clients use the latter in file names


class RenewedFiles(NamedTuple):
    """A renewed certificate. `name` is the client's name for it, `hosts` its host names.

    `seconds` is how long the client waits for its hook; None: without limit.
    """

    name: str
    hosts: tuple[str, ...]
    certificate: Path
    chain: Path | None
    key: Path
    seconds: int | None = None


def from_certbot(given: Environment) -> RenewedFiles:
    """Reads certbot's variables; the folder has the certificate's name (5.8)."""
    lineage = Path(_get_variable(given, "certbot", "RENEWED_LINEAGE"))
    hosts = _get_variable(given, "certbot", "RENEWED_DOMAINS").split()
    return RenewedFiles(
        name=lineage.name,
        hosts=tuple(hosts),
        certificate=lineage / "fullchain.pem",
        chain=None,
        key=lineage / "privkey.pem",
    )


def from_acme_sh(given: Environment) -> RenewedFiles:
    """Reads acme.sh's variables; the folder of an ECC certificate ends in _ecc (acme.sh 3.1).

    The name keeps that ending: an RSA certificate for the same host is renewed separately.
    """
    host = _get_variable(given, "acme.sh", "Le_Domain")
    certificate = Path(_get_variable(given, "acme.sh", "CERT_PATH"))
    ending = "_ecc" if certificate.parent.name.endswith("_ecc") else ""
    whole = given.get("CERT_FULLCHAIN_PATH")
    issuer = _get_variable(given, "acme.sh", "CA_CERT_PATH") if not whole else None
    return RenewedFiles(
        name=f"{_to_file_name(host)}{ending}",
        hosts=(host,),
        certificate=Path(whole) if whole else certificate,
        chain=Path(issuer) if issuer else None,
        key=Path(_get_variable(given, "acme.sh", "CERT_KEY_PATH")),
    )


def from_lego(given: Environment) -> RenewedFiles:
    """Reads lego's variables, which version 5 renamed. Both wait two minutes."""
    if "LEGO_HOOK_CERT_PATH" in given:
        name = _get_variable(given, "lego", "LEGO_HOOK_CERT_NAME")
        hosts = tuple(filter(None, given.get("LEGO_HOOK_CERT_DOMAINS", "").split(",")))
        prefix, issuer = "LEGO_HOOK_", given.get("LEGO_HOOK_ISSUER_CERT_PATH")
    else:
        name = _get_variable(given, "lego", "LEGO_CERT_DOMAIN")
        hosts = (name,)
        prefix, issuer = "LEGO_", given.get("LEGO_ISSUER_CERT_PATH")
    certificate = Path(_get_variable(given, "lego", f"{prefix}CERT_PATH"))
    # Without --no-bundle the certificate's file holds the chain too, which does no harm.
    chain = Path(issuer) if issuer else certificate.with_suffix(".issuer.crt")
    return RenewedFiles(
        name=_to_file_name(name),
        hosts=hosts,
        certificate=certificate,
        chain=chain if issuer or chain.exists() else None,
        key=Path(_get_variable(given, "lego", f"{prefix}CERT_KEY_PATH")),
        seconds=120,
    )


CLIENTS: dict[str, Callable[[Environment], RenewedFiles]] = {
    "certbot": from_certbot,
    "acme.sh": from_acme_sh,
    "lego": from_lego,
}

HOOK_COMMANDS = {
    "certbot": "certbot renew --deploy-hook 'certroll hook certbot'",
    "acme.sh": "acme.sh --install-cert -d HOST --reloadcmd 'certroll hook acme.sh'",
    "lego": "lego ... renew --renew-hook 'certroll hook lego' (version 4), "
    "lego run ... --deploy-hook 'certroll hook lego' (version 5)",
}
"""How to configure each client to call the hook."""


def _get_variable(given: Environment, client: str, name: str) -> str:
    value = given.get(name, "").strip()
    if not value:
        raise BadInput(
            f"{name} is not set; {client} sets it for its hooks",
            where=f"hook {client}",
            code="missing-variable",
            fix=f"Let {client} call this command: {HOOK_COMMANDS[client]}",
        )
    return value


def _to_file_name(host: str) -> str:
    return host.replace(*WILDCARD, 1) if host.startswith(WILDCARD[0]) else host
