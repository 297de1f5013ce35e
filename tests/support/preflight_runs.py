"""Run preflight checks on a stack, and store certificates that a check must find."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import update
from sqlmodel import col

from domain.calendar.windows import AllowedStart
from domain.certificates.certificate import Certificate, parse_pem
from domain.plans.plan import Plan
from domain.preflight.checks import CheckPolicy
from domain.preflight.finding import CheckPolicies, Finding
from operations.preflight.findings import PreflightInput, run_checks
from operations.runtime.connector_pool import ConnectorPool
from starter.requests.calendar import find_allowed_start
from storage.certificates.certificates import to_vault_identity
from storage.settings import Settings
from storage.tables.core import CertificateRow
from tests.support.factory import Leaf
from tests.support.stack import Stack


def run_preflight(
    stack: Stack,
    plan: Plan,
    *checks: dict[str, CheckPolicy],
    after: timedelta = timedelta(),
    **settings: Any,
) -> list[Finding]:
    """Check a plan that starts `after` now, with these settings."""
    now = datetime.now(UTC)
    at = now + after

    def opens() -> AllowedStart:
        return find_allowed_start(stack.store, plan, at, now)

    used = Settings(**{**stack.settings.model_dump(), **settings})
    flight = PreflightInput(
        plan.changes, at, now, CheckPolicies(used.check_policies, *checks), opens
    )
    return run_checks(stack.store, ConnectorPool(stack.store), used, flight)


def list_checks(found: list[Finding]) -> list[str]:
    """The checks that found something, without those that do so in every stack."""
    return [each.check for each in found if each.check not in ("C06", "C12")]


def store_certificate(stack: Stack, name: str, leaf: Leaf) -> Certificate:
    """Store a certificate of any issuer with its key."""
    certificate, key = parse_pem(
        name,
        certificate=leaf.leaf_pem,
        chain=leaf.chain_pem or None,
        key=leaf.key_pem,
        now=datetime.now(UTC),
    )
    stack.store.certificates.add(certificate, key)
    return certificate


def swap_keys(stack: Stack, one: Certificate, other: Certificate) -> None:
    """Seal the key of `other` in the row of `one`: the vault opens it, but it does not fit."""
    key = stack.store.certificates.get_key(other.fingerprint)
    sealed = stack.store.vault.seal(key.pem(), to_vault_identity(one.fingerprint))
    with stack.store.database.write() as session:
        row = update(CertificateRow).where(col(CertificateRow.fingerprint) == one.fingerprint)
        session.exec(row.values(sealed=sealed))
