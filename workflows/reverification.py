"""Verifies daily what all tasks have deployed, and records drift. A Temporal Schedule starts it."""

from temporalio import workflow

from workflows.policies import REVERIFY

with workflow.unsafe.imports_passed_through():
    from activities.reverification import ReverificationActivities
    from operations.verification.reverification import VerificationCounts

WORKFLOW_TYPE = "Reverification"
WORKFLOW_ID = "reverification"


@workflow.defn(name=WORKFLOW_TYPE)
class Reverification:
    @workflow.run
    async def run(self) -> VerificationCounts:
        """Counts of the resources that were verified."""
        return await workflow.execute_activity_method(
            ReverificationActivities.verify_all_deployments,
            workflow.now(),
            summary="verify all deployed resources",
            **REVERIFY,
        )
