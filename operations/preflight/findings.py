"""Looking at everything that a task needs right before its first change; nothing is written.

What is asked of others is asked once for each certificate, account, service and store, never for
each resource: a change reads its own resource anyway.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from cryptography import x509

from domain.calendar.windows import Opening
from domain.certificates.certificate import Certificate
from domain.certificates.revocation import Standing
from domain.certificates.trust import untrusted
from domain.errors import BadInput, CertrollError, CloudError, NeedsOperator
from domain.plans.plan import Change
from domain.preflight.finding import Finding, Policies, found
from domain.preflight.rules import (
    chain_of,
    check_changes,
    check_key,
    check_states,
    check_stores,
    check_times,
    of_certificate,
)
from operations.planning.store_capacity import full
from operations.runtime.connector_pool import Clouds
from operations.tls.revocation import Responders, described
from operations.tls.trust_store import MOZILLA, NONE, roots_of
from storage.settings import Settings
from storage.store import Store

AT_ONCE = 8
ACCOUNTS_AT_ONCE = 24
"""Services of accounts that are asked side by side: each keeps to a rate of its own."""

Roots = tuple[x509.Certificate, ...]


class Flight(NamedTuple):
    """What is about to be done: changes, when they begin, and what windows make of that time."""

    changes: Sequence[Change]
    at: datetime
    now: datetime
    policies: Policies
    opening: Callable[[], Opening]


def findings(store: Store, clouds: Clouds, settings: Settings, flight: Flight) -> list[Finding]:
    """Everything that the checks find, by their numbers; a check that is off looks at nothing."""
    look = _Look(store, clouds, settings, flight)
    return flight.policies.judged(each for part in look.parts() for each in part)


class _Look:
    def __init__(self, store: Store, clouds: Clouds, settings: Settings, flight: Flight) -> None:
        self._store, self._clouds, self._settings = store, clouds, settings
        self._flight, self._changes = flight, flight.changes
        self._looks = flight.policies.looks

    def parts(self) -> Iterator[list[Finding]]:
        """The findings, part by part: what costs nothing first."""
        yield self._opening()
        yield from self._certificates()
        yield self._plan()
        if self._looks("C13", "C14"):
            yield self._accounts()
        if self._looks("C15"):
            yield self._space()

    def _opening(self) -> list[Finding]:
        if not self._looks("C17"):
            return []
        try:
            opening = self._flight.opening()
        except BadInput as error:
            return [found("C17", "the task", str(error))]
        if not opening.reasons:
            return []
        told = opening.why if opening.overridden else f"moved {opening.moved}"
        return [found("C17", "the task", told)]

    @cached_property
    def _held(self) -> dict[str, Certificate | None]:
        """The certificates that are to be served, by fingerprint; None: not kept any more."""
        wanted = {c.after.fingerprint for c in self._changes if c.after and c.after.fingerprint}
        return {one: self._store.certificates.held(one) for one in sorted(wanted)}

    def _certificates(self) -> Iterator[list[Finding]]:
        for fingerprint, certificate in self._held.items():
            if certificate is None:
                told = found("C03", fingerprint[:12], "the certificate is not kept here any more")
                yield [told.model_copy(update={"certificate": fingerprint})]
        held = [each for each in self._held.values() if each]
        roots, problem = self._roots()
        yield from ([of_certificate("C06", each, problem)] for each in held if problem)
        with Responders() as responders, ThreadPoolExecutor(AT_ONCE) as threads:
            yield from threads.map(lambda each: self._certificate(each, roots, responders), held)

    def _certificate(
        self, certificate: Certificate, roots: Roots | None, responders: Responders
    ) -> list[Finding]:
        flight = self._flight
        told = check_times(certificate, max(flight.at, flight.now), self._settings.least_validity)
        if self._looks("C03"):
            told += self._key(certificate)
        if self._looks("C06") and roots is not None:
            told += self._trust(certificate, roots)
        if self._looks("C07", "C08"):
            told += self._revocation(certificate, roots or (), responders)
        return told

    def _key(self, certificate: Certificate) -> list[Finding]:
        try:
            key = self._store.certificates.key(certificate.fingerprint)
        except CertrollError as error:  # of the vault: its texts hold no part of a key
            return [of_certificate("C03", certificate, f"its key cannot be opened: {error}")]
        return check_key(certificate, key)

    def _roots(self) -> tuple[Roots | None, str | None]:
        profile = self._settings.trust or MOZILLA[0]
        if not self._looks("C06") or profile == NONE:
            return None, None
        try:
            return roots_of(profile), None
        except BadInput as error:
            return None, str(error)

    def _trust(self, certificate: Certificate, roots: Roots) -> list[Finding]:
        at = max(self._flight.at, self._flight.now)
        if not certificate.not_before <= at < certificate.not_after:
            return []  # told already, and nothing builds then
        why = untrusted(chain_of(certificate), roots, at)
        profile = self._settings.trust or MOZILLA[0]
        told = f"its chain builds to no root of {profile!r}: {why}"
        return [of_certificate("C06", certificate, told)] if why else []

    def _revocation(
        self, certificate: Certificate, roots: Roots, responders: Responders
    ) -> list[Finding]:
        chain = chain_of(certificate)
        told = []
        for one, said in responders.of_chain(chain, roots, self._flight.now):
            who = described(one, chain[0])
            if said.standing is Standing.REVOKED:
                text = f"{who} was revoked {said.detail}"
                told.append(of_certificate("C07", certificate, text))
            elif said.standing is Standing.UNKNOWN:
                text = f"nobody tells whether {who} is revoked: {said.detail}"
                told.append(of_certificate("C08", certificate, text))
        return told

    def _plan(self) -> list[Finding]:
        told = check_changes(self._changes, self._managed)
        if self._looks("C16"):
            told += check_stores(self._changes, self._binds_from)
        if self._looks("C18", "C19"):
            ids = [change.resource.id for change in self._changes]
            told += check_states(self._changes, self._store.preflights.states(ids))
        return told

    @cached_property
    def _managed(self) -> set[str]:
        return {each.fingerprint for each in self._store.certificates.list()}

    def _binds_from(self, change: Change) -> str:
        place = change.resource
        try:
            return self._clouds.connector(place.account, place.service).store(place)
        except BadInput:
            return change.store  # the account is gone: told by itself

    def _accounts(self) -> list[Finding]:
        pairs = sorted({(c.resource.account, c.resource.service) for c in self._changes})
        with ThreadPoolExecutor(ACCOUNTS_AT_ONCE) as threads:
            return [each for told in threads.map(self._account, pairs) for each in told]

    def _account(self, pair: tuple[str, str]) -> list[Finding]:
        account, service = pair
        place = {"account": account, "service": service}
        try:
            lines = self._clouds.connector(account, service).check()
        except (BadInput, NeedsOperator) as error:
            lines = [str(error)]
        except CloudError as error:
            silent = found("C14", f"{service} of {account}", str(error))
            return [silent.model_copy(update=place)]
        fix = f"Mend it, then look: certroll account check {account}."
        told = [found("C13", f"{service} of {account}", line, fix) for line in lines]
        return [each.model_copy(update=place) for each in told]

    def _space(self) -> list[Finding]:
        try:
            too_much = full(self._store, self._clouds, self._changes, self._flight.now)
        except BadInput:
            return []  # an account is gone: told by itself
        return [
            found("C15", f"{store} of {account}", reason).model_copy(
                update={"certificate": fingerprint, "account": account, "store": store}
            )
            for (fingerprint, (account, store)), reason in too_much.items()
        ]
