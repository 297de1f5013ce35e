"""Cleanup removes former certificates: only ours, and only those that nothing needs."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from domain.certificates.certificate import Certificate
from domain.tasks.audit import CERTROLL, TaskEventCode
from operations.cleanup import (
    NEEDED_BY_TASK,
    check_in_use,
    classify_installations,
    clean_up,
    remove_from_store,
)
from tests.support.stack import ACCOUNT, Stack
from tests.support.successive_deployments import SuccessiveDeployments

NAME, OTHER = "a.example.com", "b.example.com"
DELETE = "DeleteUserCertificate"
CLEANUP = TaskEventCode.CLEANUP
AT = datetime(2027, 3, 1, 12, tzinfo=UTC)


class PastTasks(SuccessiveDeployments):
    """Four generations of one domain's certificate, deployed by tasks that are closed by now."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(stack)
        stack.seed_domains(NAME)
        self.first, self.second, self.third, self.last = (
            self.deploy(name, NAME, OTHER) for name in ("first", "second", "third", "last")
        )

    def clean(self, *, is_stopping: bool = False) -> int:
        stack = self.stack
        return clean_up(stack.store, stack.connectors, "t4", AT, lambda: is_stopping)

    def stays(self, keep: int = 2) -> dict[str, str | None]:
        verdicts = classify_installations(self.stack.store, [ACCOUNT], keep, datetime.now(UTC))
        return {one.entry.name: one.kept_because for one in verdicts}

    def is_stored(self, certificate: Certificate) -> bool:
        return bool(self.stack.cloud.list_certificates(fingerprint=certificate.fingerprint))

    @property
    def audit(self) -> list[str]:
        events = self.stack.store.tasks.list_events("t4")
        assert all((one.code, one.by, one.at) == (CLEANUP, CERTROLL, AT) for one in events)
        return [one.text for one in events]


@pytest.fixture
def tasks(stack: Stack) -> Iterator[PastTasks]:
    tasks = PastTasks(stack)
    yield tasks
    tasks.stop()


def test_the_oldest_certificate_may_go_and_the_others_have_a_reason_to_stay(
    tasks: PastTasks,
) -> None:
    resource = f"main/alibaba.cdn/{NAME}"
    kept = f"among the newest 2 that {resource} served before"
    assert tasks.stays() == {
        "first": None,
        "second": kept,
        "third": kept,
        "last": f"serves {resource}",
    }


def test_the_oldest_certificate_is_removed_and_recorded_in_the_audit_log(tasks: PastTasks) -> None:
    assert tasks.clean() == 1
    assert not tasks.is_stored(tasks.first)
    assert all(tasks.is_stored(one) for one in (tasks.second, tasks.third, tasks.last))
    (line,) = tasks.audit
    assert line.startswith(f"first ({tasks.first.short_fingerprint}) in alibaba.cas/cn of main")


def test_a_second_cleanup_removes_nothing(tasks: PastTasks) -> None:
    assert [tasks.clean(), tasks.clean()] == [1, 0]
    assert len(tasks.audit) == 1


def test_a_removal_that_was_not_recorded_is_repeated(tasks: PastTasks) -> None:
    (held,) = [one for one in tasks.stack.store.installations.list() if one.name == "first"]
    tasks.stack.connectors.get(ACCOUNT, "alibaba.cas").remove(held.ref)
    assert tasks.clean() == 1
    assert "first" not in tasks.stays()


def test_a_removed_certificate_is_uploaded_again_by_a_later_task(tasks: PastTasks) -> None:
    tasks.clean()
    task = tasks.create(tasks.first)
    tasks.install(task)
    tasks.deploy_changes(task)
    assert tasks.stack.get_served(NAME) == tasks.first.fingerprint
    assert tasks.is_stored(tasks.first)


def test_a_certificate_that_a_task_may_need_for_a_rollback_stays(tasks: PastTasks) -> None:
    tasks.deploy("newest", NAME, open_for=timedelta(days=30))
    assert tasks.stays(keep=0)["last"] == "needed by task '5: newest'"
    assert tasks.stays(keep=0)["third"] is None


def test_a_certificate_that_somebody_else_uploaded_stays(tasks: PastTasks) -> None:
    with_key = tasks.stack.store.certificates.get_key(tasks.first.fingerprint).pem().decode()
    row = {"name": "theirs", "pem": tasks.first.chain_pem, "key": with_key}
    tasks.clean()
    tasks.stack.cloud.seed("cas", account=tasks.stack.key_id, certificates=[row])
    tasks.install(tasks.create(tasks.first))
    assert tasks.stays(keep=0)["first"] == "it was not uploaded from here"


def test_a_certificate_that_the_store_reports_as_in_use_stays_without_an_event(
    tasks: PastTasks,
) -> None:
    (held,) = [one for one in tasks.stack.store.installations.list() if one.name == "first"]
    entry = {"name": OTHER, "certificate": None}
    tasks.stack.cloud.seed("cdn", account=tasks.stack.key_id, domains=[entry])
    connector = tasks.stack.connectors.get(ACCOUNT, "alibaba.cdn")
    (unknown,) = [f for f in connector.discover().resources if f.resource.key == OTHER]
    connector.bind(unknown.resource, held.ref)
    assert tasks.clean() == 0
    assert tasks.is_stored(tasks.first)
    assert tasks.audit == []


def test_an_error_is_recorded_and_the_rest_of_that_store_is_left_alone(tasks: PastTasks) -> None:
    tasks.stack.store.keep_certificates = 0
    tasks.stack.cloud.add_fault("error", DELETE, code="Forbidden.RAM", status=403)
    assert tasks.clean() == 0
    (line,) = tasks.audit
    assert line.startswith(f"first ({tasks.first.short_fingerprint}) in alibaba.cas/cn of main")
    assert "yundun-cert:DeleteUserCertificate" in line
    tasks.stack.cloud.clear_faults()
    assert tasks.clean() == 3


def test_a_setting_that_keeps_all_removes_none(tasks: PastTasks) -> None:
    tasks.stack.store.keep_certificates = None
    assert tasks.clean() == 0
    assert tasks.is_stored(tasks.first)


def test_a_certificate_that_a_new_task_deploys_stays(tasks: PastTasks) -> None:
    (held,) = [one for one in tasks.stack.store.installations.list() if one.name == "first"]
    tasks.create(tasks.first)
    assert remove_from_store(tasks.stack.store, tasks.stack.connectors, held) == NEEDED_BY_TASK
    assert tasks.is_stored(tasks.first)


def test_nothing_more_is_removed_once_it_is_stopping(tasks: PastTasks) -> None:
    assert tasks.clean(is_stopping=True) == 0
    assert tasks.is_stored(tasks.first)


def test_an_account_without_certificates_of_ours_has_nothing_to_clean(stack: Stack) -> None:
    assert classify_installations(stack.store, [ACCOUNT], 0, datetime.now(UTC)) == []


def test_a_cleanup_that_keeps_many_keeps_all(tasks: PastTasks) -> None:
    assert all(tasks.stays(keep=99).values())


def test_a_certificate_that_is_served_is_kept_without_asking_its_store(stack: Stack) -> None:
    stack.seed_domains(NAME)
    deployments = SuccessiveDeployments(stack)
    deployments.deploy("first", NAME)
    calls = stack.cloud.count_calls()
    (decision,) = classify_installations(stack.store, [ACCOUNT], 0, datetime.now(UTC))
    assert decision.kept_because is not None
    assert check_in_use(stack.connectors, decision) == decision
    assert stack.cloud.count_calls() == calls
    deployments.stop()
