"""What someone asks for: certificates, and where they shall go. A saved plan keeps it."""

from datetime import datetime

from domain.errors import BadInput
from domain.model import Value


class PlanRequest(Value):
    """What someone asks for: certificates by fingerprint, and where they shall go.

    `resources` names resource ids or keys. `services`, `all_matched` or a filter alone take every
    resource that has a certificate already and whose names one of the certificates covers. No
    certificate at all, with `all_matched`, means each valid one of the vault.

    All else narrows what is taken, resources that are named too. Each of the `tags` ("key=value",
    or "key" whatever its value) has to be there; of the others one of those named is enough:
    `accounts`, `services`, `globs` over names and keys, `issuers` and `serving` (fingerprint) of
    what is served now. `expiring_before` leaves out what is served longer, or nobody knows until
    when. `require_coverage` refuses each change after which clients could use fewer names.
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
        """Whether it means all valid certificates of the vault."""
        return not self.certificates

    @property
    def filters_by_binding(self) -> bool:
        """Whether it asks for something that only the resource's binding tells."""
        return bool(self.issuers or self.serving or self.expiring_before)

    @property
    def takes_unnamed(self) -> bool:
        """Whether it takes resources that it does not name."""
        filters = self.tags or self.globs or self.filters_by_binding
        return bool(self.all_matched or self.services or (filters and not self.resources))


def check_plan_request(wish: PlanRequest) -> None:
    """BadInput for a wish that says too little."""
    if not (wish.resources or wish.takes_unnamed):
        raise BadInput(
            "nothing says where the certificates shall go",
            fix="Name resources, a service, or ask for all that match (--all-matched).",
        )
    if wish.takes_whole_vault and not wish.all_matched:
        raise BadInput(
            "no certificate is named",
            where="--certificate",
            fix="Name one, or take all valid ones of the vault (--all).",
        )
