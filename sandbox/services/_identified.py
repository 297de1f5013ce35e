"""Services that name a certificate of the store as "<number>-<the site's region>"."""

from sandbox.cloud import Cloud
from sandbox.options import Account
from sandbox.resources import Binding
from sandbox.store import bound_to


def identifier(account: Account, binding: Binding | None) -> str:
    """How a service writes what is bound; empty for nothing."""
    return f"{binding['cert_id']}-{account.region}" if binding else ""


def identified(cloud: Cloud, account: Account, text: str) -> Binding | None:
    """The binding to what an identifier names; None where the account's site has no such one."""
    number, _, region = text.partition("-")
    if not number.isdecimal() or region != account.region:
        return None
    row = cloud.certificates.get(account.access_key_id, int(number))
    return bound_to(row) if row else None


def edge_names(names: tuple[str, ...]) -> list[str]:
    """Host names as the edge takes them: `.example.com` stands for every name one label below."""
    return [name.removeprefix("*") for name in names]
