"""What is refused before the first call that could change a resource."""

from datetime import datetime

from domain.certificates.certificate import Certificate
from domain.errors import Permanent
from domain.plans.plan import Change, invert
from domain.resources.resource import Binding
from domain.tasks.messages import ChangeOrder, Direction


def in_direction(order: ChangeOrder, change: Change, at: datetime) -> Change:
    """The change as it is, or inverted for the way back, where there is one at this time."""
    if order.direction is Direction.DEPLOY:
        return change
    refuse_irreversible(change)
    if not order.force:
        refuse_expired_former(change, at)
    return invert(change)


def refuse_expired_former(change: Change, at: datetime) -> None:
    """A way back to an expired certificate would turn a doubt into an outage."""
    if change.before and change.before.has_expired(at):
        raise Permanent(
            f"the certificate before expired on {change.before.not_after:%Y-%m-%d %H:%M} UTC",
            code="FormerExpired",
            advice="Deploy a valid one with a new task; to serve the expired one all the same: "
            "certroll task rollback --force.",
        )


def refuse_irreversible(change: Change) -> None:
    """A way back that the plan ruled out is not tried."""
    if change.not_reversible:
        raise Permanent(change.not_reversible, code="NotReversible", advice="Deploy another.")


def refuse_expired(certificate: Certificate, at: datetime) -> None:
    """A certificate may expire while its task waits."""
    if not certificate.not_before <= at < certificate.not_after:
        raise Permanent(
            f"{certificate.name} is valid only from {certificate.not_before:%Y-%m-%d %H:%M} "
            f"to {certificate.not_after:%Y-%m-%d %H:%M} UTC",
            code="NotValidNow",
            advice="Upload its successor and make a new task.",
        )


def required(binding: Binding | None, store: str) -> Binding | None:
    """What shall be bound must lie somewhere."""
    if binding is None or binding.ref is not None:
        return binding
    raise Permanent(
        f"certificate {binding} is not installed in {store}",
        code="NotInstalled",
        advice="Its installation failed or was removed; make a new task.",
    )
