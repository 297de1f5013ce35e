"""Which certificates a task installs, and whether a certificate in a store is ours."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from temporalio.exceptions import ApplicationError

from connectors.alibaba._stores import cas_listing
from domain.certificates.certificate import Certificate
from domain.resources.resource import Binding
from domain.tasks.record import OutcomeRecord, TaskRecord
from domain.tasks.status import OutcomeStatus
from operations.deployment.installation import build_installation
from tests.support.stack import Stack
from tests.support.stored_examples import NEW, build_change
from tests.support.successive_deployments import SuccessiveDeployments

NAME = "a.example.com"
UPLOAD = "UploadUserCertificate"


class Attempt:
    """A task that has to install one certificate."""

    def __init__(self, stack: Stack) -> None:
        stack.seed_domains(NAME)
        self.stack, self.generations = stack, SuccessiveDeployments(stack)
        self.new: Certificate = stack.upload("new", NAME)
        self.task: TaskRecord = self.generations.create(self.new)

    def install(self) -> None:
        self.generations.install(self.task)

    def fail_install(self) -> None:
        with pytest.raises(ApplicationError):
            self.install()

    def upload_by_someone_else(self) -> None:
        pem = self.stack.store.certificates.get_key(self.new.fingerprint).pem().decode()
        row = {"name": "theirs", "pem": self.new.chain_pem, "key": pem}
        self.stack.cloud.seed("cas", account=self.stack.key_id, certificates=[row])

    @property
    def is_ours(self) -> bool:
        (held,) = self.stack.store.installations.list("main")
        assert held.fingerprint == self.new.fingerprint
        return held.uploaded


@pytest.fixture
def attempt(stack: Stack) -> Iterator[Attempt]:
    attempt = Attempt(stack)
    yield attempt
    attempt.generations.stop()


def test_an_uploaded_certificate_is_ours(attempt: Attempt) -> None:
    attempt.install()
    assert attempt.is_ours
    attempt.install()
    assert attempt.is_ours


def test_a_certificate_that_was_found_in_the_store_is_not_ours(attempt: Attempt) -> None:
    attempt.upload_by_someone_else()
    attempt.install()
    assert not attempt.is_ours


def test_an_upload_whose_answer_was_lost_is_still_ours(attempt: Attempt) -> None:
    attempt.stack.cloud.add_fault("lost", UPLOAD, count=1)
    attempt.fail_install()
    assert attempt.stack.store.installations.list() == []
    attempt.install()
    assert attempt.is_ours
    assert len(attempt.stack.cloud.list_certificates(fingerprint=attempt.new.fingerprint)) == 1


def test_a_certificate_found_after_a_refused_upload_is_not_ours(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cas_listing, "FRESH_FOR_LONG", 0)  # where all is slow, a list stays fresh
    attempt.stack.cloud.add_fault("error", UPLOAD, code="Forbidden.RAM", status=403, count=1)
    attempt.fail_install()
    attempt.upload_by_someone_else()
    attempt.install()
    assert not attempt.is_ours


def test_a_refusal_before_an_upload_keeps_the_record_of_an_earlier_one(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cas_listing, "FRESH_FOR_LONG", 0)  # where all is slow, a list stays fresh
    attempt.stack.cloud.add_fault("lost", UPLOAD, count=1)
    attempt.fail_install()
    attempt.stack.cloud.add_fault(
        "error", "ListUserCertificateOrder", code="Forbidden.RAM", status=403, count=1
    )
    attempt.fail_install()
    attempt.install()
    assert attempt.is_ours


def test_a_removed_certificate_is_uploaded_again_and_ours_again(attempt: Attempt) -> None:
    attempt.install()
    (held,) = attempt.stack.store.installations.list("main")
    attempt.stack.connectors.get("main", "alibaba.cas").remove(held.ref)
    attempt.install()
    (again,) = attempt.stack.store.installations.list("main")
    assert again.uploaded
    assert again.ref != held.ref
    attempt.stack.store.installations.save(
        held.fingerprint, held.account, held.store, held.ref, datetime.now(UTC)
    )
    assert not attempt.is_ours


@pytest.mark.parametrize("after", [None, Binding(name="theirs")])
def test_a_change_that_binds_nothing_of_ours_needs_no_installation(after: Binding | None) -> None:
    outcome = OutcomeRecord(
        task_id="t1",
        ordinal=0,
        change=build_change().model_copy(update={"after": after}),
        status=OutcomeStatus.PENDING,
    )
    assert build_installation(outcome) is None


def test_a_certificate_without_a_name_is_labelled_by_its_fingerprint() -> None:
    unnamed = build_change().model_copy(update={"after": Binding(fingerprint=NEW)})
    outcome = OutcomeRecord(task_id="t1", ordinal=0, change=unnamed, status=OutcomeStatus.PENDING)
    needed = build_installation(outcome)
    assert needed is not None
    assert needed.label.startswith(f"{NEW[:12]} into ")
