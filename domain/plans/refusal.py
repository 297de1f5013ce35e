"""Refusals: why a requested change is not in a plan. Rules build them, plans carry them."""

from enum import StrEnum

from domain.model import Value


class RefusalCode(StrEnum):
    """One code for each rule; it stays the same when the words change. docs/rules.md explains."""

    NAMES = "names"  # no certificate covers the names of the resource
    FILTER = "filter"  # a filter of the plan request leaves the resource out
    VALIDITY = "validity"  # the certificate is not valid when the task begins
    EXPIRES_SOONER = "expires-sooner"  # the new certificate expires before the one that is served
    STATE = "state"  # the resource is not online
    SM = "sm"  # the service takes no SM2 certificate
    ALGORITHM = "algorithm"  # the service does not take this kind of key
    SLOT = "slot"  # the slot of the resource takes another kind of key
    SCENARIO = "scenario"  # the service does not allow this change, or not this first one
    SAME_NAMES = (
        "same-names"  # the listener takes only a certificate for the names of the former one
    )
    COVERAGE = "coverage"  # names lose their certificate, and the request forbids that
    ONE_PER_LISTENER = (
        "one-per-listener"  # several certificates for the default slot of one listener
    )
    ONCE_PER_LISTENER = "once-per-listener"  # the same certificate twice on one listener
    MANAGED_BY_SAE = "managed-by-sae"  # SAE manages the listener and would undo the change
    FIRST_DEPLOYMENT = (
        "first-deployment"  # the resource has no certificate yet, and the request leaves such out
    )
    CERTIFICATE = (
        "certificate"  # a change of the plan uses a certificate that the plan does not list
    )
    STORE_FULL = "store-full"  # the certificate store has no room
    MISSING = "missing"  # the resource is gone from the inventory
    READ = "read"  # the service refused to show what the resource serves
    UNREAD = "unread"  # the service did not answer in time: ask again


class Refusal(Value):
    """`subject` is a resource id, or the name of a certificate."""

    subject: str
    code: RefusalCode
    reason: str
