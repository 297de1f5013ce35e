"""Checks everything that a plan or a task needs, and writes nothing.

task_preflight.py and the CLI call it. It asks providers and authorities once for each certificate,
account, service and store, never for each resource: a change reads its own resource anyway.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from cryptography import x509

from domain.calendar.windows import AllowedStart
from domain.certificates.certificate import Certificate
from domain.certificates.revocation import RevocationStatus
from domain.certificates.trust import explain_untrusted
from domain.errors import BadInput, CertrollError, CloudError, NeedsOperator
from domain.plans.plan import Change
from domain.preflight.finding import CheckPolicies, Finding, build_finding
from domain.preflight.rules import (
    build_certificate_finding,
    check_changes,
    check_key,
    check_states,
    check_stores,
    check_times,
    parse_chain,
)
from operations.planning.store_capacity import find_full_stores
from operations.runtime.connector_pool import ConnectorPool
from operations.tls.revocation import RevocationClient, describe_in_chain
from operations.tls.trust_store import MOZILLA, NONE, load_roots
from storage.settings import Settings
from storage.store import Store

CERTIFICATES_AT_ONCE = 8
ACCOUNTS_AT_ONCE = 24
"""Services of accounts checked side by side: each has a rate limit of its own."""

Roots = tuple[x509.Certificate, ...]


class PreflightInput(NamedTuple):
    """The changes, their start, and a function that finds the start which windows allow."""

    changes: Sequence[Change]
    start: datetime
    now: datetime
    policies: CheckPolicies
    find_start: Callable[[], AllowedStart]


def run_checks(
    store: Store, pool: ConnectorPool, settings: Settings, request: PreflightInput
) -> list[Finding]:
    """The findings of all checks, by their numbers; a check that is off does nothing."""
    checks = _Checks(store, pool, settings, request)
    return request.policies.apply(each for part in checks.run() for each in part)


class _Checks:
    def __init__(
        self, store: Store, pool: ConnectorPool, settings: Settings, request: PreflightInput
    ) -> None:
        self._store, self._pool, self._settings = store, pool, settings
        self._request, self._changes = request, request.changes
        self._is_on = request.policies.is_any_on

    def run(self) -> Iterator[list[Finding]]:
        """The findings by part, the cheapest part first."""
        yield self._check_start()
        yield from self._check_certificates()
        yield self._check_plan()
        if self._is_on("C13", "C14"):
            yield self._check_accounts()
        if self._is_on("C15"):
            yield self._check_stores()

    def _check_start(self) -> list[Finding]:
        if not self._is_on("C17"):
            return []
        try:
            start = self._request.find_start()
        except BadInput as error:
            return [build_finding("C17", "the task", str(error))]
        if not start.reasons:
            return []
        what = start.reasons_text if start.overridden else f"moved {start.move_text}"
        return [build_finding("C17", "the task", what)]

    @cached_property
    def _needed(self) -> dict[str, Certificate | None]:
        """The certificates that the changes need, by fingerprint; None if deleted."""
        wanted = {c.after.fingerprint for c in self._changes if c.after and c.after.fingerprint}
        return {one: self._store.certificates.get_if_stored(one) for one in sorted(wanted)}

    def _check_certificates(self) -> Iterator[list[Finding]]:
        for fingerprint, certificate in self._needed.items():
            if certificate is None:
                finding = build_finding("C03", fingerprint[:12], "the certificate was deleted")
                yield [finding.model_copy(update={"certificate": fingerprint})]
        stored = [each for each in self._needed.values() if each]
        roots, problem = self._load_roots()
        yield from ([build_certificate_finding("C06", each, problem)] for each in stored if problem)
        with RevocationClient() as client, ThreadPoolExecutor(CERTIFICATES_AT_ONCE) as threads:
            yield from threads.map(
                lambda each: self._check_certificate(each, roots, client), stored
            )

    def _check_certificate(
        self, certificate: Certificate, roots: Roots | None, client: RevocationClient
    ) -> list[Finding]:
        request = self._request
        findings = check_times(
            certificate, max(request.start, request.now), self._settings.least_validity
        )
        if self._is_on("C03"):
            findings += self._check_key(certificate)
        if self._is_on("C06") and roots is not None:
            findings += self._check_trust(certificate, roots)
        if self._is_on("C07", "C08"):
            findings += self._check_revocation(certificate, roots or (), client)
        return findings

    def _check_key(self, certificate: Certificate) -> list[Finding]:
        try:
            key = self._store.certificates.get_key(certificate.fingerprint)
        except CertrollError as error:  # the texts of the vault contain no part of a key
            return [
                build_certificate_finding("C03", certificate, f"its key cannot be opened: {error}")
            ]
        return check_key(certificate, key)

    def _load_roots(self) -> tuple[Roots | None, str | None]:
        profile = self._settings.trust or MOZILLA[0]
        if not self._is_on("C06") or profile == NONE:
            return None, None
        try:
            return load_roots(profile), None
        except BadInput as error:
            return None, str(error)

    def _check_trust(self, certificate: Certificate, roots: Roots) -> list[Finding]:
        at = max(self._request.start, self._request.now)
        if not certificate.not_before <= at < certificate.not_after:
            return []  # another check says so, and no chain builds then
        reason = explain_untrusted(parse_chain(certificate), roots, at)
        profile = self._settings.trust or MOZILLA[0]
        what = f"its chain builds to no root of {profile!r}: {reason}"
        return [build_certificate_finding("C06", certificate, what)] if reason else []

    def _check_revocation(
        self, certificate: Certificate, roots: Roots, client: RevocationClient
    ) -> list[Finding]:
        chain = parse_chain(certificate)
        findings = []
        for one, answer in client.check_chain(chain, roots, self._request.now):
            who = describe_in_chain(one, chain[0])
            if answer.status is RevocationStatus.REVOKED:
                text = f"{who} was revoked {answer.detail}"
                findings.append(build_certificate_finding("C07", certificate, text))
            elif answer.status is RevocationStatus.UNKNOWN:
                text = f"it is unknown whether {who} is revoked: {answer.detail}"
                findings.append(build_certificate_finding("C08", certificate, text))
        return findings

    def _check_plan(self) -> list[Finding]:
        findings = check_changes(self._changes, self._stored_fingerprints)
        if self._is_on("C16"):
            findings += check_stores(self._changes, self._get_store)
        if self._is_on("C18", "C19"):
            ids = [change.resource.id for change in self._changes]
            findings += check_states(self._changes, self._store.preflights.get_states(ids))
        return findings

    @cached_property
    def _stored_fingerprints(self) -> set[str]:
        return {each.fingerprint for each in self._store.certificates.list()}

    def _get_store(self, change: Change) -> str:
        resource = change.resource
        try:
            return self._pool.get(resource.account, resource.service).store_name(resource)
        except BadInput:
            return change.store  # the account was deleted: another check says so

    def _check_accounts(self) -> list[Finding]:
        pairs = sorted({(c.resource.account, c.resource.service) for c in self._changes})
        with ThreadPoolExecutor(ACCOUNTS_AT_ONCE) as threads:
            return [each for part in threads.map(self._check_account, pairs) for each in part]

    def _check_account(self, pair: tuple[str, str]) -> list[Finding]:
        account, service = pair
        scope = {"account": account, "service": service}
        try:
            lines = self._pool.get(account, service).check()
        except (BadInput, NeedsOperator) as error:
            lines = [str(error)]
        except CloudError as error:
            finding = build_finding("C14", f"{service} of {account}", str(error))
            return [finding.model_copy(update=scope)]
        fix = f"Fix it, then run certroll account check {account}."
        findings = [build_finding("C13", f"{service} of {account}", line, fix) for line in lines]
        return [each.model_copy(update=scope) for each in findings]

    def _check_stores(self) -> list[Finding]:
        try:
            refused = find_full_stores(self._store, self._pool, self._changes, self._request.now)
        except BadInput:
            return []  # an account was deleted: another check says so
        return [
            build_finding("C15", f"{store} of {account}", str(full)).model_copy(
                update={"certificate": fingerprint, "account": account, "store": store}
            )
            for (fingerprint, (account, store)), full in refused.items()
        ]
