"""Refuses changes before the first call that could change a resource; `deploy` calls it."""

from datetime import datetime

from domain.certificates.certificate import Certificate
from domain.errors import Permanent
from domain.plans.plan import Change, build_inverse
from domain.resources.resource import Binding
from domain.tasks.messages import ChangeOrder, Direction


def build_change_to_make(order: ChangeOrder, change: Change, at: datetime) -> Change:
    """The change as planned, or inverted for a rollback; raises Permanent if that is refused."""
    if order.direction is Direction.DEPLOY:
        return change
    refuse_irreversible(change)
    if not order.force:
        refuse_expired_former(change, at)
    return build_inverse(change)


def refuse_expired_former(change: Change, at: datetime) -> None:
    """A rollback to an expired certificate would turn a doubt into an outage."""
    if change.before and change.before.has_expired(at):
        raise Permanent(
            f"the certificate before expired on {change.before.not_after:%Y-%m-%d %H:%M} UTC",
            code="FormerExpired",
            advice="Deploy a valid certificate with a new task. To serve the expired one all the "
            "same: certroll task rollback --force.",
        )


def refuse_irreversible(change: Change) -> None:
    if change.not_reversible:
        raise Permanent(
            change.not_reversible, code="NotReversible", advice="Deploy another certificate."
        )


def refuse_expired(certificate: Certificate, at: datetime) -> None:
    """A certificate may expire while its task waits."""
    if not certificate.not_before <= at < certificate.not_after:
        raise Permanent(
            f"{certificate.name} is valid only from {certificate.not_before:%Y-%m-%d %H:%M} "
            f"to {certificate.not_after:%Y-%m-%d %H:%M} UTC",
            code="NotValidNow",
            advice="Upload its successor and create a new task.",
        )


def require_installed(binding: Binding | None, store: str) -> Binding | None:
    """The binding, which must have a reference to its store."""
    if binding is None or binding.ref is not None:
        return binding
    raise Permanent(
        f"certificate {binding} is not installed in {store}",
        code="NotInstalled",
        advice="Its installation failed or was removed. Create a new task.",
    )
