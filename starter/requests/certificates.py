"""Saves certificates: their name, their predecessor, their renewal policy.

Called by the CLI and by renewals.py.
"""

from typing import NamedTuple

from domain.certificates.certificate import Certificate
from domain.certificates.keys import PrivateKey
from domain.certificates.renewal import (
    Links,
    RenewalMode,
    RenewalPolicy,
    RenewalSettings,
    build_successor_name,
    choose_predecessor,
    find_newest,
    list_lost_names,
    list_predecessor_candidates,
    list_predecessors,
)
from domain.errors import BadInput
from domain.tasks.handover import RenewalResult
from storage.store import Store

AUTO, NONE = "auto", "none"
"""Instead of a predecessor's name: the only one that fits, or none."""


class SavedCertificate(NamedTuple):
    """A stored certificate. Any of `candidates` could be its predecessor; none was chosen."""

    certificate: Certificate
    renewal: RenewalSettings
    is_new: bool
    candidates: tuple[Certificate, ...] = ()


def save(
    store: Store,
    certificate: Certificate,
    key: PrivateKey,
    *,
    replaces: str | None = None,
    mode: RenewalMode | None = None,
) -> SavedCertificate:
    """Stores the certificate with its key, if it is new; on BadInput nothing is stored.

    `replaces` names the predecessor, or one of the predecessor's predecessors, or is AUTO or NONE.
    None differs from AUTO: if several certificates fit, none is chosen, and a name that is taken
    stays an error. `mode` overrides the mode of the inherited renewal policy.
    """
    stored = store.certificates.get_if_stored(certificate.fingerprint)
    repeated = replaces is not None or mode is not None
    if stored is not None and (repeated or stored.name == certificate.name):
        return _update_stored(store, stored, replaces, mode)
    links = store.certificates.get_predecessors()
    old, candidates = _find_predecessor(store, certificate, replaces, links)
    named = _with_free_name(store, certificate, replaces, old, links)
    inherited = (
        RenewalPolicy() if old is None else store.certificates.get_renewal(old.fingerprint).policy
    )
    replaces_fingerprint = None if old is None else old.fingerprint
    renewal = RenewalSettings(replaces=replaces_fingerprint, policy=_with_mode(inherited, mode))
    store.certificates.add(named, key, renewal)
    return SavedCertificate(named, renewal, is_new=True, candidates=candidates)


def build_handover(store: Store, certificate: Certificate) -> RenewalResult:
    """What a renewal with this certificate would change, from storage alone."""
    links = store.certificates.get_predecessors()
    predecessors = list_predecessors(certificate.fingerprint, links)
    renewal = store.certificates.get_renewal(certificate.fingerprint)
    old = renewal.replaces and store.certificates.get_if_stored(renewal.replaces)
    handover = RenewalResult(
        mode=renewal.policy.mode,
        predecessors=predecessors,
        names_lost=list_lost_names(certificate, old) if old else (),
        resources_served=store.certificates.count_serving_resources(predecessors),
    )
    later = [new for new, former in links.items() if former == certificate.fingerprint]
    if later:
        name = store.certificates.get(later[0]).name
        return handover.with_reason("has-successor", f"it has a successor, {name}")
    if not predecessors:
        return handover.with_reason("no-predecessor", "it replaces no other certificate")
    return handover


def _update_stored(
    store: Store, stored: Certificate, replaces: str | None, mode: RenewalMode | None
) -> SavedCertificate:
    """Updates the predecessor and the policy of a certificate that is stored already."""
    before = store.certificates.get_renewal(stored.fingerprint)
    links = store.certificates.get_predecessors()
    old, policy = before.replaces, before.policy
    if replaces not in (None, NONE) and stored.fingerprint != _find_newest_named(
        store, replaces, links
    ):
        found, _ = _find_predecessor(store, stored, replaces, links)
        _check_link(stored, old, found, links)
        if found is not None and old is None:
            old = found.fingerprint
            policy = store.certificates.get_renewal(old).policy
    after = RenewalSettings(replaces=old, policy=_with_mode(policy, mode))
    if after != before:
        store.certificates.set_renewal(stored.fingerprint, after)
    return SavedCertificate(stored, after, is_new=False)


def _find_newest_named(store: Store, replaces: str | None, links: Links) -> str | None:
    """The newest successor of the certificate that `replaces` names, None if it names none."""
    if replaces in (None, AUTO, NONE):
        return None
    return find_newest(store.certificates.find(replaces or "").fingerprint, links)


def _check_link(
    stored: Certificate, known: str | None, found: Certificate | None, links: Links
) -> None:
    if found is None:
        return
    predecessors = (found.fingerprint, *list_predecessors(found.fingerprint, links))
    if stored.fingerprint in predecessors or (known is not None and known not in predecessors):
        raise BadInput(
            f"{stored.name!r} is stored already and is not the successor of {found.name!r}",
            code="not-the-successor",
            where="--replaces",
            fix=f"See: certroll certificate show {stored.short_fingerprint}",
        )


def _find_predecessor(
    store: Store, new: Certificate, replaces: str | None, links: Links
) -> tuple[Certificate | None, tuple[Certificate, ...]]:
    if replaces == NONE:
        return None, ()
    if head := _find_newest_named(store, replaces, links):
        return store.certificates.get(head), ()
    fit = list_predecessor_candidates(new, store.certificates.list(), links)
    if replaces is None and len(fit) > 1:
        return None, fit
    return choose_predecessor(new, fit), ()


def _with_free_name(
    store: Store, new: Certificate, replaces: str | None, old: Certificate | None, links: Links
) -> Certificate:
    """The certificate, with a new name if its own belongs to a predecessor."""
    if old is None:
        return new
    taken = {each.name: each.fingerprint for each in store.certificates.list()}
    predecessors = (old.fingerprint, *list_predecessors(old.fingerprint, links))
    if taken.get(new.name) not in predecessors:
        return new
    if replaces is None:
        raise BadInput(
            f"the name {new.name!r} is taken by another certificate",
            code="name-taken",
            fix=f"If this is its successor, add --replaces {AUTO}; else choose another name.",
        )
    return new.model_copy(update={"name": build_successor_name(new.name, new, taken)})


def _with_mode(policy: RenewalPolicy, mode: RenewalMode | None) -> RenewalPolicy:
    return policy if mode is None else policy.model_copy(update={"mode": mode})
