"""The checks before a task's first change: their numbers, their policies, what to do."""

from collections.abc import Mapping
from enum import StrEnum

from domain.model import Value
from domain.plans.refusal import RefusalCode


class Policy(StrEnum):
    """What becomes of a finding: the changes that need it fail, it is told, or nobody looks."""

    REFUSE = "refuse"
    WARN = "warn"
    OFF = "off"


NO_CHECKS: Mapping[str, Policy] = {}
"""Nothing is said of any check."""


class About(StrEnum):
    """What a finding is about."""

    TASK = "task"
    ACCOUNT = "account"
    CERTIFICATE = "certificate"
    RESOURCE = "resource"


class Check(Value):
    """One check; `policy` is what holds where nobody says otherwise.

    `operator`: a refusal stays until a person has acted outside of certroll. `rule`: what a plan
    calls the same refusal. `in_plan`: a plan's own page tells it already.
    """

    number: str
    name: str
    about: About
    policy: Policy
    what: str
    fix: str
    operator: bool = False
    refusal: str | None = None
    in_plan: bool = False


_A, _P = About, Policy

CHECKS = (
    Check(
        number="C01",
        name="validity",
        about=_A.CERTIFICATE,
        policy=_P.REFUSE,
        refusal=RefusalCode.VALIDITY,
        what="a certificate that is not valid when the task begins",
        fix="Upload its successor and make a new task.",
    ),
    Check(
        number="C02",
        name="time left",
        about=_A.CERTIFICATE,
        policy=_P.WARN,
        what="a certificate that ends sooner after the task begins than CERTROLL_LEAST_VALIDITY",
        fix="Deploy its successor, if there is one.",
    ),
    Check(
        number="C03",
        name="key",
        about=_A.CERTIFICATE,
        policy=_P.REFUSE,
        operator=True,
        what="a private key that does not belong to its certificate, or cannot be opened",
        fix="Delete the certificate and upload it with its own key.",
    ),
    Check(
        number="C04",
        name="chain validity",
        about=_A.CERTIFICATE,
        policy=_P.REFUSE,
        what="an intermediate that is not valid when the task begins",
        fix="Upload the certificate with the chain that its authority gives out now.",
    ),
    Check(
        number="C05",
        name="chain time left",
        about=_A.CERTIFICATE,
        policy=_P.WARN,
        what="an intermediate that ends before its leaf: clients refuse the chain from then on",
        fix="Ask the authority for a chain that lasts, or renew before that day.",
    ),
    Check(
        number="C06",
        name="trust",
        about=_A.CERTIFICATE,
        policy=_P.WARN,
        what="a chain that builds to no root of the trust profile (CERTROLL_TRUST)",
        fix="Add what is missing to the chain, or name the profile of your clients.",
    ),
    Check(
        number="C07",
        name="revoked",
        about=_A.CERTIFICATE,
        policy=_P.REFUSE,
        operator=True,
        what="a certificate, or an intermediate of its chain, that its authority has revoked",
        fix="Have another one issued, with a new key if this one leaked.",
    ),
    Check(
        number="C08",
        name="revocation unknown",
        about=_A.CERTIFICATE,
        policy=_P.WARN,
        what="a certificate of which nobody could tell whether it is revoked",
        fix="See whether this machine reaches the responder; nothing else is wrong.",
    ),
    Check(
        number="C09",
        name="names lost",
        about=_A.RESOURCE,
        policy=_P.WARN,
        refusal=RefusalCode.COVERAGE,
        in_plan=True,
        what="names that clients can use before the change and not after it",
        fix="Take a certificate that covers them, or leave these resources out.",
    ),
    Check(
        number="C10",
        name="kind of key",
        about=_A.RESOURCE,
        policy=_P.WARN,
        in_plan=True,
        what="another kind of key than what is served, which old clients may not take",
        fix="Try it on a canary first, or have one issued with the former kind of key.",
    ),
    Check(
        number="C11",
        name="issuer",
        about=_A.RESOURCE,
        policy=_P.WARN,
        in_plan=True,
        what="another issuer than that of what is served, which pinned clients do not take",
        fix="Tell who pins the former issuer, and try it on a canary first.",
    ),
    Check(
        number="C12",
        name="not managed",
        about=_A.RESOURCE,
        policy=_P.WARN,
        what="a resource that serves a certificate which is not kept here, or which nobody knows",
        fix="Upload what is served too, so that a way back never hangs on the provider's copy.",
    ),
    Check(
        number="C13",
        name="account",
        about=_A.ACCOUNT,
        policy=_P.REFUSE,
        operator=True,
        what="an account whose credentials or permissions a service refuses, or that is gone",
        fix="Look: certroll account check NAME.",
    ),
    Check(
        number="C14",
        name="service unreachable",
        about=_A.ACCOUNT,
        policy=_P.WARN,
        what="a service that does not answer now; each change is tried again by itself",
        fix="Nothing, unless it lasts.",
    ),
    Check(
        number="C15",
        name="store full",
        about=_A.ACCOUNT,
        policy=_P.REFUSE,
        operator=True,
        refusal=RefusalCode.STORE_FULL,
        what="a certificate that would have to be uploaded into a store that takes no more",
        fix="Clean up (certroll certificate cleanup), or raise the quota.",
    ),
    Check(
        number="C16",
        name="store of the region",
        about=_A.RESOURCE,
        policy=_P.REFUSE,
        what="a plan that puts a certificate elsewhere than where its resource binds from",
        fix="The account's site or the plan's file has changed: make the plan again.",
    ),
    Check(
        number="C17",
        name="opening",
        about=_A.TASK,
        policy=_P.WARN,
        what="a time at which windows or freezes let the task not begin, or are overridden",
        fix="Give another time, or --ignore-windows REASON.",
    ),
    Check(
        number="C18",
        name="gone",
        about=_A.RESOURCE,
        policy=_P.REFUSE,
        refusal=RefusalCode.MISSING,
        what="a resource that is not in the inventory any more, or has vanished from it",
        fix="Leave it out, or sync (certroll inventory sync) if it is there again.",
    ),
    Check(
        number="C19",
        name="not ready",
        about=_A.RESOURCE,
        policy=_P.WARN,
        refusal=RefusalCode.STATE,
        what="a resource that was not online, or busy, at the last sync; it is read again anyway",
        fix="Put it online; a busy one is waited for.",
    ),
)

CHECK = {check.number: check for check in CHECKS}
