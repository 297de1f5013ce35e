"""How long a plan takes with these accounts at their services; asks no cloud."""

from activities.clouds import Clouds
from domain.estimate import CONCURRENCY, Effort, Estimate, estimate
from domain.plan import Plan


def estimate_of(clouds: Clouds, plan: Plan, concurrency: int = CONCURRENCY) -> Estimate:
    """From the rate budgets and the calls that a change takes; BadInput for an unknown account."""
    places = {(each.resource.account, each.resource.service) for each in plan.changes}
    return estimate(plan.changes, {place: _effort(clouds, *place) for place in places}, concurrency)


def _effort(clouds: Clouds, account: str, service: str) -> Effort:
    connector = clouds.connector(account, service)
    return Effort(
        budget=f"{account}/{connector.budget or service}",
        calls=connector.calls_per_change,
        calls_per_second=clouds.calls_per_second(account, service),
        seconds=clouds.propagation(account, service),
    )
