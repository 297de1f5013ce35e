"""Preflight of a test's house, and certificates that go wrong in one way each."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import update
from sqlmodel import col

from domain.calendar.windows import Opening
from domain.certificates.certificate import Certificate, parse_pem
from domain.plans.plan import Plan
from domain.preflight.checks import Policy
from domain.preflight.finding import Finding, Policies
from operations.preflight.findings import Flight, findings
from operations.runtime.connector_pool import Clouds
from starter.requests.calendar import opening
from storage.certificates.certificates import identity
from storage.settings import Settings
from storage.tables.core import CertificateRow
from tests.support.factory import Leaf
from tests.support.house import House


def look(
    house: House,
    plan: Plan,
    *checks: dict[str, Policy],
    after: timedelta = timedelta(),
    **settings: Any,
) -> list[Finding]:
    """What is found for a plan that begins `after` now, under these settings."""
    now = datetime.now(UTC)
    at = now + after

    def opens() -> Opening:
        return opening(house.store, plan, at, now)

    used = Settings(**{**house.settings.model_dump(), **settings})
    flight = Flight(plan.changes, at, now, Policies(used.check_policies, *checks), opens)
    return findings(house.store, Clouds(house.store), used, flight)


def numbers(found: list[Finding]) -> list[str]:
    """Which checks found something; those that find something in every house left out."""
    return [each.check for each in found if each.check not in ("C06", "C12")]


def keep(house: House, name: str, leaf: Leaf) -> Certificate:
    """Stores a certificate of any issuer with its key."""
    certificate, key = parse_pem(
        name,
        certificate=leaf.leaf_pem,
        chain=leaf.chain_pem or None,
        key=leaf.key_pem,
        now=datetime.now(UTC),
    )
    house.store.certificates.add(certificate, key)
    return certificate


def swap_keys(house: House, one: Certificate, other: Certificate) -> None:
    """Puts the key of `other` where the vault keeps that of `one`: sealed rightly, but wrong."""
    key = house.store.certificates.key(other.fingerprint)
    sealed = house.store.vault.seal(key.pem(), identity(one.fingerprint))
    with house.store.database.write() as session:
        row = update(CertificateRow).where(col(CertificateRow.fingerprint) == one.fingerprint)
        session.exec(row.values(sealed=sealed))
