"""Walking one service of one account, page by page, into the inventory."""

from collections.abc import Callable
from datetime import UTC, datetime

from activities.clouds import Clouds
from activities.failures import cause_from
from domain.errors import CloudError
from domain.model import Value
from domain.task import Cause
from storage.store import Store


class Synced(Value):
    """What one walk found; `error` says why it ended early, with what it had seen kept."""

    account: str
    service: str
    seen: int = 0
    vanished: int = 0
    error: Cause | None = None


def sync(
    store: Store,
    clouds: Clouds,
    account: str,
    service: str,
    progress: Callable[[int, int | None], None] = lambda seen, total: None,
) -> Synced:
    """Lists all resources. Those not seen any more are marked only after a complete walk."""
    connector = clouds.connector(account, service)
    began = datetime.now(UTC)
    seen, page = 0, None
    try:
        while True:
            answer = connector.discover(page)
            store.inventory.upsert(answer.found, datetime.now(UTC))
            seen += len(answer.found)
            progress(seen, answer.total)
            page = answer.next
            if page is None:
                break
    except CloudError as error:
        return Synced(account=account, service=service, seen=seen, error=cause_from(error))
    vanished = store.inventory.mark_vanished(account, service, began)
    return Synced(account=account, service=service, seen=seen, vanished=vanished)
