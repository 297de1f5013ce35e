"""What the practice cloud has written down of each resource."""

from domain.resources.resource import Resource
from tests.chaos.site import Site
from tests.support.practice_cloud import Row


def books(site: Site, resources: list[Resource]) -> dict[str, Row]:
    """By the resource's id: the row of the host that its name is asked for."""
    by_host = {host: row for row in site.cloud.list_resources() for host in row["hosts"]}

    def find(resource: Resource) -> Row:
        named = (each.server_name for each in site.stack.connectors.list_endpoints(resource))
        name = next(each for each in named if each).lower()
        found: Row = by_host.get(name) or by_host["." + name.partition(".")[2]]
        return found

    return {each.id: find(each) for each in resources}
