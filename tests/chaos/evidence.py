"""What a run leaves behind; `checks` compares its parts."""

from collections import defaultdict
from dataclasses import dataclass

from domain.resources.resource import Resource
from domain.tasks.record import OutcomeRecord, TaskRecord
from tests.chaos.scenario import Scenario
from tests.chaos.signals import SentRequests
from tests.chaos.site import Site
from tests.chaos.webhooks import WebhookReceiver
from tests.support.practice_cloud import Row


@dataclass
class Evidence:
    """Records, outcomes, cloud rows, observations and messages after a run.

    `former` and `observed` are fingerprints by resource: bound before the run, served after it.
    """

    scenario: Scenario
    site: Site
    tasks: list[TaskRecord]
    resources: list[Resource]
    former: dict[str, str | None]
    rows: dict[str, Row]
    observed: dict[str, set[str | None]]
    granted: int
    sent: SentRequests
    webhooks: WebhookReceiver

    def __post_init__(self) -> None:
        store = self.site.stack.store
        self.records = [store.tasks.get(task.id) for task in self.tasks]
        self.outcomes = {task.id: store.tasks.outcomes.list(task.id) for task in self.tasks}
        self.by_resource: defaultdict[str, list[OutcomeRecord]] = defaultdict(list)
        for outcomes in self.outcomes.values():
            for outcome in outcomes:
                self.by_resource[outcome.change.resource.id].append(outcome)


def list_cloud_rows(site: Site, resources: list[Resource]) -> dict[str, Row]:
    """The practice cloud's own row of each resource, by the resource's id."""
    by_host = {host: row for row in site.cloud.list_resources() for host in row["hosts"]}

    def find(resource: Resource) -> Row:
        named = (each.server_name for each in site.stack.connectors.list_endpoints(resource))
        name = next(each for each in named if each).lower()
        found: Row = by_host.get(name) or by_host["." + name.partition(".")[2]]
        return found

    return {each.id: find(each) for each in resources}
