"""Lists the certificates that a task needs in stores, installs one, and fails what needs one.

activities/bookkeeping.py and activities/deployment.py call it.
"""

from datetime import datetime

from domain.cause import Cause
from domain.certificates.certificate import Certificate
from domain.certificates.keys import PrivateKey
from domain.errors import NeedsOperator, Permanent
from domain.resources.connector import Connector
from domain.resources.resource import Resource
from domain.tasks.messages import Installation
from domain.tasks.record import OutcomeRecord
from domain.tasks.status import OutcomeStatus
from operations.runtime.clock import now
from storage.store import Store


def list_installations(store: Store, task_id: str, after: int, limit: int) -> list[Installation]:
    """Each pair of certificate and store that pending changes need, once, in the plan's order.

    `after` is the ordinal of the last installation of the page before, -1 for the first page.
    """
    records = store.tasks.outcomes.list_first_of_each_store(task_id, after, limit)
    return [needed for record in records if (needed := build_installation(record))]


def build_installation(record: OutcomeRecord) -> Installation | None:
    """What this change needs in its store; None if it binds no certificate of ours."""
    change = record.change
    if change.after is None or change.after.fingerprint is None:
        return None
    fingerprint = change.after.fingerprint
    return Installation(
        task_id=record.task_id,
        fingerprint=fingerprint,
        account=change.resource.account,
        store=change.store,
        ordinal=record.ordinal,
        label=f"{change.after.name or fingerprint[:12]} into {change.store} "
        f"of {change.resource.account}",
    )


def fail_installation(store: Store, failed: Installation, cause: Cause, at: datetime) -> int:
    """Fails each pending change that needs this installation; returns how many."""
    count = 0
    for record in store.tasks.outcomes.list(failed.task_id, status=OutcomeStatus.PENDING):
        needed = build_installation(record)
        if needed and _to_key(needed) == _to_key(failed):
            store.tasks.outcomes.end_attempt(
                record.task_id, record.ordinal, OutcomeStatus.FAILED, at, cause
            )
            count += 1
    return count


def put_into_store(
    store: Store,
    connector: Connector,
    wanted: Installation,
    certificate: Certificate,
    resource: Resource,
) -> None:
    """Installs the certificate in the store that `resource` binds from, and records it.

    A certificate that is found there was not uploaded by us, so it is not ours to remove. The key
    is opened only for an upload: that is the moment to record that an upload begins. If its answer
    is lost, the next attempt finds the certificate there and still knows that it is ours.
    """
    installations, key_parts = store.installations, _to_key(wanted)
    is_uploading = False

    def open_key() -> PrivateKey:
        nonlocal is_uploading
        installations.begin_upload(*key_parts, now())
        is_uploading = True
        return store.certificates.get_key(wanted.fingerprint)

    try:
        ref = connector.install(certificate, open_key, resource)
    except (Permanent, NeedsOperator):
        if is_uploading:
            installations.cancel_upload(*key_parts)
        raise
    installations.save(*key_parts, ref, now())


def _to_key(installation: Installation) -> tuple[str, str, str]:
    return installation.fingerprint, installation.account, installation.store
