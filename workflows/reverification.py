"""Looks again, day by day, at what all tasks have left, and keeps what has drifted since."""

from temporalio import workflow

from workflows.policies import LOOK_AGAIN

with workflow.unsafe.imports_passed_through():
    from activities.reverification import Verification, Verified

WORKFLOW_TYPE = "Reverification"
WORKFLOW_ID = "reverification"


@workflow.defn(name=WORKFLOW_TYPE)
class Reverification:
    """One run of it; a schedule begins one a day."""

    @workflow.run
    async def run(self) -> Verified:
        """How many were looked at, and what was found."""
        return await workflow.execute_activity_method(
            Verification.verify_all,
            workflow.now(),
            summary="look at all that was deployed",
            **LOOK_AGAIN,
        )
