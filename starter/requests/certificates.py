"""Keeping a certificate: under which name, as the successor of which, with which policy."""

from typing import NamedTuple

from domain.certificates.certificate import Certificate
from domain.certificates.keys import PrivateKey
from domain.certificates.renewal import (
    Links,
    Mode,
    Policy,
    Standing,
    ancestors,
    candidates,
    names_lost,
    newest,
    successor_name,
    the_only,
)
from domain.errors import BadInput
from domain.tasks.handover import Handover
from storage.store import Store

AUTO, NONE = "auto", "none"
"""Instead of the name of the former certificate: the one that fits alone, or no one."""


class Kept(NamedTuple):
    """A certificate as it is stored. `rivals` could all be its predecessor: none was chosen."""

    certificate: Certificate
    standing: Standing
    is_new: bool
    rivals: tuple[Certificate, ...] = ()


def keep(
    store: Store,
    certificate: Certificate,
    key: PrivateKey,
    *,
    replaces: str | None = None,
    mode: Mode | None = None,
) -> Kept:
    """Stores both, or finds that they are stored already; BadInput, and nothing stored, otherwise.

    `replaces` names the former certificate, or any that it has followed; or it is AUTO or NONE.
    None is like AUTO, but without the word of a person: what is ambiguous is left open, and a
    name that is taken stays an error. `mode` is the policy's, else all of it is inherited.
    """
    held = store.certificates.held(certificate.fingerprint)
    repeated = replaces is not None or mode is not None
    if held is not None and (repeated or held.name == certificate.name):
        return _again(store, held, replaces, mode)
    links = store.certificates.links()
    old, rivals = _predecessor(store, certificate, replaces, links)
    named = _named(store, certificate, replaces, old, links)
    inherited = Policy() if old is None else store.certificates.standing(old.fingerprint).policy
    followed = None if old is None else old.fingerprint
    standing = Standing(replaces=followed, policy=_changed(inherited, mode))
    store.certificates.add(named, key, standing)
    return Kept(named, standing, is_new=True, rivals=rivals)


def look(store: Store, certificate: Certificate) -> Handover:
    """What can be told of its being handed over without asking any cloud."""
    links = store.certificates.links()
    line = ancestors(certificate.fingerprint, links)
    standing = store.certificates.standing(certificate.fingerprint)
    old = standing.replaces and store.certificates.held(standing.replaces)
    known = Handover(
        mode=standing.policy.mode,
        predecessors=line,
        lost=names_lost(certificate, old) if old else (),
        served=store.certificates.served(line),
    )
    later = [new for new, former in links.items() if former == certificate.fingerprint]
    if later:
        name = store.certificates.get(later[0]).name
        return known.because(f"it has a successor, {name}: nothing is done for it any more")
    return known if line else known.because("it replaces no other certificate")


def _again(store: Store, held: Certificate, replaces: str | None, mode: Mode | None) -> Kept:
    """What is stored already may still learn whose successor it is, and another policy."""
    before = store.certificates.standing(held.fingerprint)
    links = store.certificates.links()
    old, policy = before.replaces, before.policy
    if replaces not in (None, NONE) and held.fingerprint != _named_head(store, replaces, links):
        found, _ = _predecessor(store, held, replaces, links)
        _check_link(held, old, found, links)
        if found is not None and old is None:
            old = found.fingerprint
            policy = store.certificates.standing(old).policy
    after = Standing(replaces=old, policy=_changed(policy, mode))
    if after != before:
        store.certificates.stand(held.fingerprint, after)
    return Kept(held, after, is_new=False)


def _named_head(store: Store, replaces: str | None, links: Links) -> str | None:
    """Who stands now at the end of the line that was named; None if none was."""
    if replaces in (None, AUTO, NONE):
        return None
    return newest(store.certificates.find(replaces or "").fingerprint, links)


def _check_link(
    held: Certificate, known: str | None, found: Certificate | None, links: Links
) -> None:
    if found is None:
        return
    line = (found.fingerprint, *ancestors(found.fingerprint, links))
    if held.fingerprint in line or (known is not None and known not in line):
        raise BadInput(
            f"{held.name!r} is stored already, and does not follow {found.name!r}",
            where="--replaces",
            fix=f"See: certroll certificate show {held.short}",
        )


def _predecessor(
    store: Store, new: Certificate, replaces: str | None, links: Links
) -> tuple[Certificate | None, tuple[Certificate, ...]]:
    if replaces == NONE:
        return None, ()
    if head := _named_head(store, replaces, links):
        return store.certificates.get(head), ()
    fit = candidates(new, store.certificates.list(), links)
    if replaces is None and len(fit) > 1:
        return None, fit
    return the_only(new, fit), ()


def _named(
    store: Store, new: Certificate, replaces: str | None, old: Certificate | None, links: Links
) -> Certificate:
    """Itself, or under another name where its own belongs to one that it follows."""
    if old is None:
        return new
    taken = {each.name: each.fingerprint for each in store.certificates.list()}
    line = (old.fingerprint, *ancestors(old.fingerprint, links))
    if taken.get(new.name) not in line:
        return new
    if replaces is None:
        raise BadInput(
            f"the name {new.name!r} is taken by another certificate",
            fix=f"If this one is its successor, add --replaces {AUTO}; else choose another name.",
        )
    return new.model_copy(update={"name": successor_name(new.name, new, taken)})


def _changed(policy: Policy, mode: Mode | None) -> Policy:
    return policy if mode is None else policy.model_copy(update={"mode": mode})
