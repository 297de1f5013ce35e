"""Identifiers of certificates: "<number>-<the site's region>". Most services call it."""

from sandbox.cloud import Cloud
from sandbox.options import SandboxAccount
from sandbox.resources import SandboxBinding
from sandbox.store import build_binding


def build_identifier(account: SandboxAccount, binding: SandboxBinding | None) -> str:
    """The identifier of a binding; empty for none."""
    return f"{binding['cert_id']}-{account.region}" if binding else ""


def find_binding(cloud: Cloud, account: SandboxAccount, text: str) -> SandboxBinding | None:
    """The binding to the certificate of an identifier; None if the account's site has none."""
    number, _, region = text.partition("-")
    if not number.isdecimal() or region != account.region:
        return None
    row = cloud.certificates.get(account.access_key_id, int(number))
    return build_binding(row) if row else None


def to_edge_names(names: tuple[str, ...]) -> list[str]:
    """Host names as the edge takes them: `.example.com` stands for every name one label below."""
    return [name.removeprefix("*") for name in names]
