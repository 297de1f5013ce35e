"""Findings of preflight checks, and the policies that make each a refusal or a warning.

Operations build and judge findings; the CLI shows them and reads policies from options.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from domain.cause import Cause
from domain.errors import BadInput
from domain.model import Value
from domain.preflight.checks import CHECK_BY_NUMBER, CHECKS, CheckPolicy

if TYPE_CHECKING:  # settings import policies, and must not load all that a plan needs
    from domain.plans.plan import Change


class Finding(Value):
    """What one check found: what is wrong with the subject, and how to fix it.

    `check` is the number of the check ("C07"), `code` its code ("revoked"). The finding covers the
    changes that match every one of `certificate` (fingerprint), `account`, `service`, `store` and
    `resources` (ids) that is set; with none set it covers the whole task.
    """

    check: str
    code: str
    subject: str
    what: str
    fix: str
    refused: bool = False
    certificate: str | None = None
    account: str | None = None
    service: str | None = None
    store: str | None = None
    resources: tuple[str, ...] | None = None

    def __str__(self) -> str:
        return f"{self.check} {CHECK_BY_NUMBER[self.check].name}: {self.subject}: {self.what}"

    @property
    def cause(self) -> Cause:
        """The cause of a change that fails because of this finding."""
        check = CHECK_BY_NUMBER[self.check]
        return Cause(
            code=check.number,
            message=f"{check.name}: {self.subject}: {self.what}",
            advice=self.fix,
            needs_operator=check.operator,
        )

    def covers(self, change: "Change") -> bool:
        resource = change.resource
        fingerprint = change.after.fingerprint if change.after else None
        expected = (
            (self.certificate, fingerprint),
            (self.account, resource.account),
            (self.service, resource.service),
            (self.store, change.store),
        )
        if any(mine is not None and mine != its for mine, its in expected):
            return False
        return self.resources is None or resource.id in self.resources


class CheckPolicies:
    """The policy of each check: the default, replaced by `overrides`; a later one wins."""

    def __init__(self, *overrides: Mapping[str, CheckPolicy]) -> None:
        self._policies = {check.number: check.policy for check in CHECKS}
        for each in overrides:
            self._policies.update(each)

    def is_any_on(self, *numbers: str) -> bool:
        """Whether any of these checks must run."""
        return any(self._policies[number] is not CheckPolicy.OFF for number in numbers)

    def apply(self, findings: Iterable[Finding]) -> list[Finding]:
        """Drops findings of checks that are off, marks refusals, and sorts by number."""
        kept = [each for each in findings if self.is_any_on(each.check)]
        marked = [each.model_copy(update={"refused": self._refuses(each)}) for each in kept]
        return sorted(marked, key=lambda each: (each.check, each.subject))

    def _refuses(self, finding: Finding) -> bool:
        return self._policies[finding.check] is CheckPolicy.REFUSE


def parse_policies(texts: Iterable[str], where: str) -> dict[str, CheckPolicy]:
    """Reads "C07=warn,C09=refuse" into policies by number.

    Raises BadInput with `where` for an unknown check or policy.
    """
    found: dict[str, CheckPolicy] = {}
    for part in (part.strip() for text in texts for part in text.split(",")):
        if not part:
            continue
        number, _, policy = part.partition("=")
        number, policy = number.strip().upper(), policy.strip().lower()
        if number not in CHECK_BY_NUMBER or policy not in set(CheckPolicy):
            raise BadInput(
                f"{part[:40]!r} is no policy of a check",
                where=where,
                code="invalid-check-policy",
                fix=f"Give NUMBER=POLICY: {CHECKS[0].number} to {CHECKS[-1].number}, "
                f"and {', '.join(CheckPolicy)}.",
            )
        found[number] = CheckPolicy(policy)
    return found


def build_finding(check: str, subject: str, what: str, fix: str | None = None) -> Finding:
    """A finding about the whole task; `model_copy` narrows what it covers."""
    known = CHECK_BY_NUMBER[check]
    return Finding(check=check, code=known.code, subject=subject, what=what, fix=fix or known.fix)
