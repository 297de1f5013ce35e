"""The whole thread on the real engine, against the practice cloud."""

from temporalio.client import Client

from domain.tasks.status import OutcomeStatus, TaskStatus
from starter.requests import tasks
from tests.support.house import House


async def test_a_task_deploys_and_a_signal_takes_it_back(any_house: House, engine: Client) -> None:
    house = any_house
    house.domains("www.example.com", "api.example.com", ".example.com")
    new = house.upload("new", "www.example.com", "*.example.com")
    house.grant(10)
    async with house.working(engine):
        task = await house.create(engine, house.plan(new))
        ended = await house.ended(task)
        assert ended.status is TaskStatus.SUCCEEDED
        assert house.served("www.example.com") == new.fingerprint
        assert house.store.quota.balance() == 7
        await tasks.rollback(engine, ended, None, "wrong chain", "tester")
        back = await house.ended(task, TaskStatus.ROLLED_BACK)
    assert back.tally.rolled_back == 3
    assert house.served("www.example.com") == house.former["www.example.com"]
    assert {o.status for o in house.outcomes(task).values()} == {OutcomeStatus.ROLLED_BACK}
