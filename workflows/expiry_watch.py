"""The watch for expiries: tells each contact what it does not know yet, in one message a class."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.failures import cause_of
from workflows.policies import BOOKKEEPING, NOTIFY

with workflow.unsafe.imports_passed_through():
    from activities.expiry_watch import Watcher, Watching
    from domain.notifications.expiry_watch import WORKFLOW_TYPE, ToldContact


@workflow.defn(name=WORKFLOW_TYPE)
class ExpiryWatch:
    """One run of it; a schedule begins one a day."""

    @workflow.run
    async def run(self) -> list[ToldContact]:
        """What was told to whom; a channel that stays silent is told, and fails nothing."""
        contacts = await workflow.execute_activity_method(
            Watching.watchers, summary="list contacts", **BOOKKEEPING
        )
        return list(await asyncio.gather(*map(_tell, contacts)))


async def _tell(contact: str) -> ToldContact:
    try:
        return await workflow.execute_activity_method(
            Watching.tell_news,
            Watcher(contact=contact, at=workflow.now()),
            summary=f"tell {contact}",
            **NOTIFY,
        )
    except ActivityError as failure:
        return ToldContact(contact=contact, error=cause_of(failure))
