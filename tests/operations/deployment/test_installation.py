"""Whose certificate it is that lies in a store: also after lost answers and refusals."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from temporalio.exceptions import ApplicationError

from connectors.alibaba._stores import cas_listing
from domain.certificates.certificate import Certificate
from domain.tasks.record import TaskRecord
from tests.activities.generations import Generations
from tests.support.house import House

NAME = "a.example.com"
UPLOAD = "UploadUserCertificate"


class Attempt:
    """A task that has to install one certificate."""

    def __init__(self, house: House) -> None:
        house.domains(NAME)
        self.house, self.generations = house, Generations(house)
        self.new: Certificate = house.upload("new", NAME)
        self.task: TaskRecord = self.generations.create(self.new)

    def install(self) -> None:
        self.generations.install(self.task)

    def fails(self) -> None:
        with pytest.raises(ApplicationError):
            self.install()

    def lies_there(self) -> None:
        """Somebody else uploads it."""
        pem = self.house.store.certificates.key(self.new.fingerprint).pem().decode()
        row = {"name": "theirs", "pem": self.new.chain_pem, "key": pem}
        self.house.cloud.seed("cas", account=self.house.key_id, certificates=[row])

    @property
    def uploaded(self) -> bool:
        (held,) = self.house.store.installations.held("main")
        assert held.fingerprint == self.new.fingerprint
        return held.uploaded


@pytest.fixture
def attempt(house: House) -> Iterator[Attempt]:
    attempt = Attempt(house)
    yield attempt
    attempt.generations.stop()


def test_what_we_uploaded_is_ours(attempt: Attempt) -> None:
    attempt.install()
    assert attempt.uploaded
    attempt.install()
    assert attempt.uploaded


def test_what_was_found_there_is_not(attempt: Attempt) -> None:
    attempt.lies_there()
    attempt.install()
    assert not attempt.uploaded


def test_an_upload_whose_answer_was_lost_is_still_ours(attempt: Attempt) -> None:
    attempt.house.cloud.fault("lost", UPLOAD, count=1)
    attempt.fails()
    assert attempt.house.store.installations.held() == []
    attempt.install()
    assert attempt.uploaded
    assert len(attempt.house.cloud.certificates(fingerprint=attempt.new.fingerprint)) == 1


def test_after_an_upload_that_was_refused_what_is_found_is_not_ours(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cas_listing, "FRESH_FOR_LONG", 0)  # where all is slow, a list stays fresh
    attempt.house.cloud.fault("error", UPLOAD, code="Forbidden.RAM", status=403, count=1)
    attempt.fails()
    attempt.lies_there()
    attempt.install()
    assert not attempt.uploaded


def test_a_refusal_before_any_upload_forgets_no_former_one(attempt: Attempt) -> None:
    attempt.house.cloud.fault("lost", UPLOAD, count=1)
    attempt.fails()
    attempt.house.cloud.fault(
        "error", "ListUserCertificateOrder", code="Forbidden.RAM", status=403, count=1
    )
    attempt.fails()
    attempt.install()
    assert attempt.uploaded


def test_what_was_removed_is_uploaded_again_and_ours_again(attempt: Attempt) -> None:
    attempt.install()
    (held,) = attempt.house.store.installations.held("main")
    attempt.house.clouds.connector("main", "alibaba.cas").remove(held.ref)
    attempt.install()
    (again,) = attempt.house.store.installations.held("main")
    assert again.uploaded
    assert again.ref != held.ref
    attempt.house.store.installations.put(
        held.fingerprint, held.account, held.store, held.ref, datetime.now(UTC)
    )
    assert not attempt.uploaded
