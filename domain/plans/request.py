"""The plan request: certificates, targets and filters. The CLI builds it; a saved plan keeps it."""

from datetime import datetime

from domain.errors import BadInput
from domain.model import Value


class PlanRequest(Value):
    """What someone asks a plan for; `certificates` holds fingerprints.

    `resources` holds resource ids or keys. `services`, `all_matched` or a filter select every
    resource that has a certificate and whose names one of the certificates covers. No certificates
    with `all_matched` means every valid certificate of the vault.

    All other fields narrow the selection, named resources included. A resource must have all of
    the `tags` ("key=value", or "key" with any value), and match one entry of each other list:
    `accounts`, `services`, `globs` (names and keys), `issuers` and `serving` (fingerprints) of its
    current certificate. `expiring_before` leaves out certificates that expire later or at an
    unknown time. `require_coverage` refuses a change after which clients could use fewer names.
    """

    certificates: tuple[str, ...]
    accounts: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    all_matched: bool = False
    require_coverage: bool = False
    tags: tuple[str, ...] = ()
    globs: tuple[str, ...] = ()
    issuers: tuple[str, ...] = ()
    expiring_before: datetime | None = None
    serving: tuple[str, ...] = ()

    @property
    def takes_whole_vault(self) -> bool:
        """Whether it asks for all valid certificates of the vault."""
        return not self.certificates

    @property
    def filters_by_binding(self) -> bool:
        """Whether a filter needs the current binding of a resource."""
        return bool(self.issuers or self.serving or self.expiring_before)

    @property
    def takes_unnamed(self) -> bool:
        """Whether it selects resources that it does not name."""
        filters = self.tags or self.globs or self.filters_by_binding
        return bool(self.all_matched or self.services or (filters and not self.resources))


def check_plan_request(request: PlanRequest) -> None:
    """Raises BadInput for a plan request without targets or certificates."""
    if not (request.resources or request.takes_unnamed):
        raise BadInput(
            "the plan request has no targets",
            code="no-target",
            fix="Name resources, a service, or ask for all that match (--all-matched).",
        )
    if request.takes_whole_vault and not request.all_matched:
        raise BadInput(
            "no certificate is named",
            where="--certificate",
            code="no-certificate",
            fix="Name one, or take all valid ones of the vault (--all).",
        )
