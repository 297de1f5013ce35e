"""A load balancer's listener gets a certificate that includes the former names: all the way."""

from temporalio.client import Client

from activities.inventory_sync import sync
from domain.tasks.status import TaskStatus
from tests.support.house import ACCOUNT, House

ALB = "alibaba.alb"


async def test_a_listener_that_is_named_gets_what_includes_its_names(
    house: House, engine: Client
) -> None:
    former, other = house.ca.leaf(["example.com"]), house.upload("other", "www.example.org")
    pem = {"pem": former.pem.decode(), "key": former.key_pem.decode()}
    house.cloud.seed("alb", account=house.key_id, listeners=[{"certificate": pem}])
    assert sync(house.store, house.clouds, ACCOUNT, ALB).error is None
    (item,) = house.store.inventory.list()
    wild = house.upload("wild", "*.example.com")
    house.grant(1)
    assert house.plan(wild).changes == ()
    named = {"resources": (item.resource.id,)}
    (refusal,) = house.plan(other, **named).refusals
    assert refusal.rule == "names"
    plan = house.plan(wild, **named)
    (change,) = plan.changes
    assert change.names_lost == ("example.com",)
    assert change.warnings == ("names no longer covered: example.com",)
    assert (change.key_change, change.issuer_change) == (None, None)
    assert change.before is not None
    assert change.after is not None
    assert change.before.issuer == change.after.issuer
    async with house.working(engine):
        task = await house.ended(await house.create(engine, plan))
    assert task.status is TaskStatus.SUCCEEDED
    served = house.clouds.connector(ACCOUNT, ALB).read(item.resource)
    assert served is not None
    assert served.fingerprint == wild.fingerprint
