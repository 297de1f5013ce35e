"""The list of preflight checks: number, code, default policy, advice.

Preflight, settings and the CLI read it; docs/checks.md shows it.
"""

from collections.abc import Mapping
from enum import StrEnum

from domain.model import Value
from domain.plans.refusal import RefusalCode


class CheckPolicy(StrEnum):
    """What a finding does: refuse fails its changes, warn reports it, off skips the check."""

    REFUSE = "refuse"
    WARN = "warn"
    OFF = "off"


NO_CHECKS: Mapping[str, CheckPolicy] = {}
"""Every check keeps its default policy."""


class About(StrEnum):
    TASK = "task"
    ACCOUNT = "account"
    CERTIFICATE = "certificate"
    RESOURCE = "resource"


class Check(Value):
    """One check; `policy` is its default.

    `operator`: a refusal remains until a person acts outside of certroll. `refusal`: the code that
    a plan gives the same problem. `in_plan`: the view of a plan shows it already.
    """

    number: str
    name: str
    about: About
    policy: CheckPolicy
    what: str
    fix: str
    operator: bool = False
    refusal: RefusalCode | None = None
    in_plan: bool = False

    @property
    def code(self) -> str:
        """The name in kebab case: a stable code that programs can read without the number."""
        return self.name.replace(" ", "-")


_A, _P = About, CheckPolicy

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
        what="a certificate whose revocation status could not be read",
        fix="Check whether this machine reaches the responder; nothing else is wrong.",
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
        what="another kind of key than the one served now; old clients may not accept it",
        fix="Try it on a canary first, or request a certificate with the former kind of key.",
    ),
    Check(
        number="C11",
        name="issuer",
        about=_A.RESOURCE,
        policy=_P.WARN,
        in_plan=True,
        what="another issuer than the one served now; clients that pin an issuer refuse it",
        fix="Inform everyone who pins the former issuer, and try it on a canary first.",
    ),
    Check(
        number="C12",
        name="not managed",
        about=_A.RESOURCE,
        policy=_P.WARN,
        what="a resource that serves a certificate which is not stored here, or an unknown one",
        fix="Upload the served certificate too: a rollback then needs no copy of the provider.",
    ),
    Check(
        number="C13",
        name="account",
        about=_A.ACCOUNT,
        policy=_P.REFUSE,
        operator=True,
        what="an account that was deleted, or whose credentials or permissions a service refuses",
        fix="Run certroll account check NAME.",
    ),
    Check(
        number="C14",
        name="service unreachable",
        about=_A.ACCOUNT,
        policy=_P.WARN,
        what="a service that does not answer now; each change is retried by itself",
        fix="Nothing, unless it lasts.",
    ),
    Check(
        number="C15",
        name="store full",
        about=_A.ACCOUNT,
        policy=_P.REFUSE,
        operator=True,
        refusal=RefusalCode.STORE_FULL,
        what="a certificate that must be uploaded into a store that has no room",
        fix="Clean up (certroll certificate cleanup), or raise the quota.",
    ),
    Check(
        number="C16",
        name="store of the region",
        about=_A.RESOURCE,
        policy=_P.REFUSE,
        what="a plan that uses another certificate store than the one its resource binds from",
        fix="The account's site or the plan file has changed: make the plan again.",
    ),
    Check(
        number="C17",
        name="maintenance window",
        about=_A.TASK,
        policy=_P.WARN,
        what="a start time that windows or freezes do not allow, or that overrides them",
        fix="Give another time, or --ignore-windows REASON.",
    ),
    Check(
        number="C18",
        name="gone",
        about=_A.RESOURCE,
        policy=_P.REFUSE,
        refusal=RefusalCode.MISSING,
        what="a resource that the inventory no longer has, or that has vanished",
        fix="Leave it out, or sync (certroll inventory sync) if it exists again.",
    ),
    Check(
        number="C19",
        name="not ready",
        about=_A.RESOURCE,
        policy=_P.WARN,
        refusal=RefusalCode.STATE,
        what="a resource that was not online, or busy, at the last sync; the task reads it again",
        fix="Put it online; the task waits for a busy one.",
    ),
)

CHECK_BY_NUMBER = {check.number: check for check in CHECKS}
