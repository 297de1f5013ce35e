"""What the checks before a task's first change find, and what becomes of it."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from domain.cause import Cause
from domain.errors import BadInput
from domain.model import Value
from domain.preflight.checks import CHECK, CHECKS, Policy

if TYPE_CHECKING:  # settings name policies, and shall not load all that a plan needs
    from domain.plans.plan import Change


class Finding(Value):
    """What one check has found: what is wrong, with what, and what to do.

    It is about those changes that are of its `certificate` (fingerprint), `account`, `service`,
    `store` and `resources` (ids), as far as it names them; without any, about the whole task.
    """

    check: str
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
        return f"{self.check} {CHECK[self.check].name}: {self.subject}: {self.what}"

    @property
    def cause(self) -> Cause:
        """Why a change fails that is refused by it."""
        check = CHECK[self.check]
        return Cause(
            code=check.number,
            message=f"{check.name}: {self.subject}: {self.what}",
            advice=self.fix,
            needs_operator=check.operator,
        )

    def covers(self, change: "Change") -> bool:
        """Whether it is about this change."""
        place = change.resource
        fingerprint = change.after.fingerprint if change.after else None
        told = (
            (self.certificate, fingerprint),
            (self.account, place.account),
            (self.service, place.service),
            (self.store, change.store),
        )
        if any(mine is not None and mine != its for mine, its in told):
            return False
        return self.resources is None or place.id in self.resources


class Policies:
    """What holds for each check: the defaults, then each of `said` over the former."""

    def __init__(self, *said: Mapping[str, Policy]) -> None:
        self._policies = {check.number: check.policy for check in CHECKS}
        for each in said:
            self._policies.update(each)

    def looks(self, *numbers: str) -> bool:
        """Whether one of these checks is to be made at all."""
        return any(self._policies[number] is not Policy.OFF for number in numbers)

    def judged(self, findings: Iterable[Finding]) -> list[Finding]:
        """The findings by number, each a refusal or a warning; those that are off left out."""
        kept = [each for each in findings if self.looks(each.check)]
        marked = [each.model_copy(update={"refused": self._refuses(each)}) for each in kept]
        return sorted(marked, key=lambda each: (each.check, each.subject))

    def _refuses(self, finding: Finding) -> bool:
        return self._policies[finding.check] is Policy.REFUSE


def parse_policies(said: Iterable[str], where: str) -> dict[str, Policy]:
    """What "C07=warn" and the like say, by number; several may be told with commas.

    BadInput, naming `where`, for what is none.
    """
    found: dict[str, Policy] = {}
    for part in (part.strip() for text in said for part in text.split(",")):
        if not part:
            continue
        number, _, policy = part.partition("=")
        number, policy = number.strip().upper(), policy.strip().lower()
        if number not in CHECK or policy not in set(Policy):
            raise BadInput(
                f"{part[:40]!r} is no policy of a check",
                where=where,
                fix=f"Give NUMBER=POLICY: {CHECKS[0].number} to {CHECKS[-1].number}, "
                f"and {', '.join(Policy)}.",
            )
        found[number] = Policy(policy)
    return found


def found(check: str, subject: str, what: str, fix: str | None = None) -> Finding:
    """A finding about the whole task; see `Finding` for how to say what it is about."""
    return Finding(check=check, subject=subject, what=what, fix=fix or CHECK[check].fix)
