"""Notifies contacts of certificates that expire. A Temporal Schedule starts it daily.

Each contact gets one message per class of its events, and only about new ones.
"""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.failures import build_cause
from workflows.policies import BOOKKEEPING, NOTIFY

with workflow.unsafe.imports_passed_through():
    from activities.expiry_watch import ExpiryWatchActivities, NewsRequest
    from domain.notifications.expiry_watch import WORKFLOW_TYPE, ContactReport


@workflow.defn(name=WORKFLOW_TYPE)
class ExpiryWatch:
    @workflow.run
    async def run(self) -> list[ContactReport]:
        """What was sent to each contact; a failed delivery is reported and fails nothing else."""
        contacts = await workflow.execute_activity_method(
            ExpiryWatchActivities.list_news_contacts, summary="list contacts", **BOOKKEEPING
        )
        return list(await asyncio.gather(*map(_notify, contacts)))


async def _notify(contact: str) -> ContactReport:
    try:
        return await workflow.execute_activity_method(
            ExpiryWatchActivities.send_expiry_news,
            NewsRequest(contact=contact, at=workflow.now()),
            summary=f"notify {contact}",
            **NOTIFY,
        )
    except ActivityError as failure:
        return ContactReport(contact=contact, error=build_cause(failure))
