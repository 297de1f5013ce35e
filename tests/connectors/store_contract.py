"""What every connector keeps that can install a certificate, as tests to inherit."""

import logging
import traceback
from typing import Any, ClassVar

import pytest

import connectors
from domain.errors import CloudError, Transient
from domain.resources.connector import Connector
from domain.resources.resource import CertificateRef, Resource
from tests.connectors.lab import Lab, Material

HOST = "www.example.com"


class StoreContract:
    """Inherit it, and say which service it is and which operations the sandbox is to disturb."""

    service: ClassVar[str]
    upload: ClassVar[str] = "UploadUserCertificate"
    listing: ClassVar[str] = "ListUserCertificateOrder"
    removal: ClassVar[str] = "DeleteUserCertificate"
    identity: ClassVar[str] = "cert_id"
    on_behalf: ClassVar[frozenset[str]] = frozenset()  # what the service itself does in our name

    def call_every_operation(self, lab: Lab) -> None:
        """Makes every kind of call that the connector can make."""
        self.install(lab, lab.issue(HOST))
        lab.connector(self.service).check()

    def any_resource(self, lab: Lab) -> Resource:
        """A resource to install for; the store itself needs none that exists."""
        return Resource(account="main", service=self.service, key="none")

    def action(self, request: dict[str, Any]) -> str:
        """What the permission for this request is called behind its prefix."""
        return str(request["headers"]["x-acs-action"])

    def list_stored(self, lab: Lab, made: Material) -> list[str]:
        """The ids of this certificate in the store; a reference holds one as `identity`."""
        return [str(row["id"]) for row in lab.list_stored(made)]

    def install(self, lab: Lab, made: Material, **changes: str) -> CertificateRef:
        connector = lab.connector(self.service, **changes)
        return connector.install(made.certificate, made.key, self.any_resource(lab))

    def build_store_connector(self, lab: Lab, reference: CertificateRef) -> Connector:
        """The connector that keeps the store of a reference."""
        name = connectors.find_store_service(reference.store)
        assert name is not None
        return lab.connector(name)

    def send_key(self, lab: Lab, made: Material, **changes: str) -> None:
        """Makes the one call that carries the private key, `upload`."""
        self.install(lab, made, **changes)

    def test_installing_twice_uploads_once(self, lab: Lab) -> None:
        made = lab.issue(HOST)
        first, again = self.install(lab, made), self.install(lab, made)
        assert first == again
        assert first.store == lab.connector(self.service).store_name(self.any_resource(lab))
        assert len(self.list_stored(lab, made)) == 1
        assert made.opened == 1

    def test_an_upload_whose_answer_was_lost_is_found_again(self, lab: Lab) -> None:
        made = lab.issue(HOST)
        lab.cloud.add_fault("lost", self.upload, count=1)
        with pytest.raises(Transient):
            self.install(lab, made)
        reference = self.install(lab, made)
        assert self.list_stored(lab, made) == [reference.fields[self.identity]]

    def test_what_was_installed_is_removed_and_can_be_installed_again(self, lab: Lab) -> None:
        made = lab.issue(HOST)
        reference = self.install(lab, made)
        keeper = self.build_store_connector(lab, reference)
        assert keeper.in_use_by(reference) is None
        for _ in range(2):
            keeper.remove(reference)
        assert keeper.in_use_by(reference) is None
        assert self.list_stored(lab, made) == []
        again = self.install(lab, made)
        assert self.list_stored(lab, made) == [again.fields[self.identity]]

    def test_a_removal_whose_answer_was_lost_is_made_again(self, lab: Lab) -> None:
        made = lab.issue(HOST)
        reference = self.install(lab, made)
        lab.cloud.add_fault("lost", self.removal, count=1)
        with pytest.raises(Transient):
            self.build_store_connector(lab, reference).remove(reference)
        self.build_store_connector(lab, reference).remove(reference)
        assert self.list_stored(lab, made) == []

    @pytest.mark.parametrize("algorithm", ["ec", "rsa"])
    def test_both_kinds_of_keys_are_installed(self, lab: Lab, algorithm: str) -> None:
        made = lab.issue(HOST, algorithm=algorithm)
        self.install(lab, made)
        assert len(self.list_stored(lab, made)) == 1

    def test_nothing_is_missing_where_everything_is_allowed(self, lab: Lab) -> None:
        assert lab.connector(self.service).check() == []

    def test_check_names_the_permission_that_is_missing(self, lab: Lab) -> None:
        lab.cloud.add_fault("error", self.listing, code="NoPermission", status=403)
        missing = lab.connector(self.service).check()
        named = [p for p in lab.connector(self.service).permissions if p.endswith(self.listing)]
        assert len(named) == 1
        assert any(line.startswith(named[0]) for line in missing)
        assert all("Grant" in line for line in missing)

    def test_check_reports_once_that_the_key_is_wrong(self, lab: Lab) -> None:
        missing = lab.connector(self.service, access_key_secret="wrong").check()
        assert len(missing) == 1
        assert "secret" in missing[0]

    @pytest.mark.parametrize(
        "fault",
        [
            {"kind": "reset"},
            {"kind": "lost"},
            {"kind": "5xx"},
            {"kind": "5xx", "html": True},
            {"kind": "throttle"},
            {"kind": "hang", "seconds": 3},
            {"kind": "error", "code": "InvalidParameter", "message": "Bad: {key}"},
            {"kind": "error", "code": "SignatureDoesNotMatch", "message": "canonicalRequest {key}"},
        ],
        ids=lambda fault: "-".join(map(str, fault.values()))[:24],
    )
    def test_the_private_key_is_in_no_failure_and_no_log(
        self, lab: Lab, fault: dict[str, Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        made = lab.issue(HOST)
        message = fault.get("message", "").format(key=made.issued.key_pem.decode())
        lab.cloud.add_fault(**{**fault, "operation": self.upload, "message": message})
        with pytest.raises(CloudError) as failure:
            self.send_key(lab, made, read_timeout="0.5")
        assert made.opened, "no private key was at stake"
        hides_key(failure.value, made, caplog.text)


def hides_key(failure: BaseException, made: Material, log: str) -> None:
    """Nothing that may be shown of this failure, or was logged, holds a piece of the key."""
    shown = "".join(traceback.format_exception(failure)) + repr(failure) + repr(vars(failure)) + log
    assert "PRIVATE" not in shown
    assert [trace for trace in made.traces if trace in shown] == []
    assert failure.__cause__ is None
    assert failure.__context__ is None
