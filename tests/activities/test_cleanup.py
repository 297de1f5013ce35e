"""Former certificates leave the stores: only ours, and only what nobody needs any more."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities.bookkeeping import TaskAt
from activities.cleanup import Cleanup
from domain.certificates.certificate import Certificate
from operations.cleanup import WANTED, survey, take_out
from tests.activities.generations import Generations
from tests.support.house import ACCOUNT, House

NAME, OTHER = "a.example.com", "b.example.com"
DELETE = "DeleteUserCertificate"
AT = datetime(2027, 3, 1, 12, tzinfo=UTC)


class Past(Generations):
    """Four generations of one domain's certificate, deployed by tasks that are closed by now."""

    def __init__(self, house: House) -> None:
        super().__init__(house)
        house.domains(NAME)
        self.first, self.second, self.third, self.last = (
            self.deploy(name, NAME, OTHER) for name in ("first", "second", "third", "last")
        )

    def clean(self, task_id: str = "t4") -> int:
        step = Cleanup(self.house.store, self.house.clouds, self.heart)
        return ActivityEnvironment().run(step.clean_up, TaskAt(task_id=task_id, at=AT))

    def stays(self, keep: int = 2) -> dict[str, str | None]:
        verdicts = survey(self.house.store, [ACCOUNT], keep, datetime.now(UTC))
        return {one.held.name: one.stays for one in verdicts}

    def is_stored(self, certificate: Certificate) -> bool:
        return bool(self.house.cloud.certificates(fingerprint=certificate.fingerprint))

    @property
    def audit(self) -> list[str]:
        events = self.house.store.tasks.events("t4")
        assert all((one.kind, one.by, one.at) == ("cleanup", "certroll", AT) for one in events)
        return [one.text for one in events]


@pytest.fixture
def past(house: House) -> Iterator[Past]:
    past = Past(house)
    yield past
    past.stop()


def test_what_would_go_is_told_with_why_the_rest_stays(past: Past) -> None:
    resource = f"main/alibaba.cdn/{NAME}"
    kept = f"among the newest 2 that {resource} served before"
    assert past.stays() == {
        "first": None,
        "second": kept,
        "third": kept,
        "last": f"serves {resource}",
    }


def test_the_oldest_leaves_the_store_and_the_audit_says_so(past: Past) -> None:
    assert past.clean() == 1
    assert not past.is_stored(past.first)
    assert all(past.is_stored(one) for one in (past.second, past.third, past.last))
    (line,) = past.audit
    place = f"first ({past.first.short}) in alibaba.cas/cn of main"
    assert line == f"{place} is removed, nothing needs it any more"


def test_a_second_time_there_is_nothing_left_to_remove(past: Past) -> None:
    assert [past.clean(), past.clean()] == [1, 0]
    assert len(past.audit) == 1


def test_a_crash_before_it_was_written_down_is_made_good(past: Past) -> None:
    (held,) = [one for one in past.house.store.installations.held() if one.name == "first"]
    past.house.clouds.connector(ACCOUNT, "alibaba.cas").remove(held.ref)
    assert past.clean() == 1
    assert "first" not in past.stays()


def test_what_was_removed_is_uploaded_again_by_a_later_task(past: Past) -> None:
    past.clean()
    task = past.create(past.first)
    past.install(task)
    past.make(task)
    assert past.house.served(NAME) == past.first.fingerprint
    assert past.is_stored(past.first)


def test_what_a_task_may_need_to_go_back_stays(past: Past) -> None:
    past.deploy("newest", NAME, open_for=timedelta(days=30))
    assert past.stays(keep=0)["last"] == "needed by task '5: newest'"
    assert past.stays(keep=0)["third"] is None


def test_what_somebody_else_put_there_stays(past: Past) -> None:
    with_key = past.house.store.certificates.key(past.first.fingerprint).pem().decode()
    row = {"name": "theirs", "pem": past.first.chain_pem, "key": with_key}
    past.clean()
    past.house.cloud.seed("cas", account=past.house.key_id, certificates=[row])
    past.install(past.create(past.first))
    assert past.stays(keep=0)["first"] == "it was not uploaded from here"


def test_what_the_store_says_is_in_use_stays_without_a_word(past: Past) -> None:
    (held,) = [one for one in past.house.store.installations.held() if one.name == "first"]
    entry = {"name": OTHER, "certificate": None}
    past.house.cloud.seed("cdn", account=past.house.key_id, domains=[entry])
    connector = past.house.clouds.connector(ACCOUNT, "alibaba.cdn")
    (unknown,) = [f for f in connector.discover().found if f.resource.key == OTHER]
    connector.bind(unknown.resource, held.ref)
    assert past.clean() == 0
    assert past.is_stored(past.first)
    assert past.audit == []


def test_a_refusal_is_told_and_the_rest_of_that_store_is_left_alone(past: Past) -> None:
    past.house.store.keep_certificates = 0
    past.house.cloud.fault("error", DELETE, code="Forbidden.RAM", status=403)
    assert past.clean() == 0
    (line,) = past.audit
    assert line.startswith(f"first ({past.first.short}) in alibaba.cas/cn of main could not be")
    assert "Grant yundun-cert:DeleteUserCertificate" in line
    past.house.cloud.clear_faults()
    assert past.clean() == 3


def test_who_keeps_all_loses_none(past: Past) -> None:
    past.house.store.keep_certificates = None
    assert past.clean() == 0
    assert past.is_stored(past.first)


def test_nobody_removes_what_a_new_task_deploys(past: Past) -> None:
    (held,) = [one for one in past.house.store.installations.held() if one.name == "first"]
    past.create(past.first)
    assert take_out(past.house.store, past.house.clouds, held) == WANTED
    assert past.is_stored(past.first)


def test_a_worker_that_ends_begins_nothing_more(past: Past) -> None:
    step = Cleanup(past.house.store, past.house.clouds, past.heart)
    environment = ActivityEnvironment()
    environment.worker_shutdown()
    assert environment.run(step.clean_up, TaskAt(task_id="t4", at=AT)) == 0
    assert past.is_stored(past.first)
