"""The domains of object storage's buckets."""

from typing import Any

import pytest

from connectors.alibaba.oss import ONLY_IN_BUCKET, Oss
from domain.errors import NeedsOperator, Permanent, Transient
from domain.resources.connector import Scenario
from domain.resources.resource import DiscoveredResource
from tests.connectors.contract import ConnectorContract
from tests.connectors.lab import Lab, Material, list_all
from tests.connectors.store_contract import HOST

Row = dict[str, Any]


class TestOss(ConnectorContract):
    service = "alibaba.oss"
    reading = "ListCname"
    binding = "PutCname"
    page_size = 50
    on_behalf = frozenset(
        {
            "DescribeSSLCertificatePrivateKey",
            "DescribeSSLCertificatePublicKeyDetail",
            "CreateSSLCertificate",
        }
    )

    def create_resource(self, lab: Lab, host: str, serving: Material | None, **more: Any) -> None:
        where = {name: more.pop(name) for name in ("region",) if name in more}
        cname = {"domain": host, "certificate": serving and serving.seed, **more}
        buckets = [{"name": f"of-{host.strip('*.')}".replace(".", "-"), "cnames": [cname], **where}]
        lab.cloud.seed("oss", account=lab.account, buckets=buckets)

    def create_many(self, lab: Lab, number: int) -> None:
        buckets = [
            {"name": f"bucket{n:03}", "cnames": [{"domain": f"n{n}.example.com"}]}
            for n in range(number)
        ]
        lab.cloud.seed("oss", account=lab.account, buckets=buckets)

    def action(self, request: Row) -> str:
        if "x-acs-action" in request["headers"]:
            return super().action(request)
        if request["method"] == "POST":
            return "PutCname"
        return "ListBuckets" if request["path"] == "/" else "ListCname"

    def changes(self, lab: Lab) -> list[str]:
        """The bodies of all calls that changed, or tried to change, a certificate."""
        rows = lab.cloud.list_requests(lab.account)
        return [row["body"] for row in rows if self.action(row) == "PutCname"]

    def test_certificates_are_replaced_and_the_listing_shows_them(self, lab: Lab) -> None:
        made = lab.issue(HOST)
        found = self.create_and_find(lab, made)
        assert found.binding_known
        assert found.binding is not None
        assert found.binding.fingerprint == made.certificate.fingerprint
        assert found.resource.key == f"of-www-example-com/{HOST}"
        assert Oss.scenarios == {Scenario.UPDATE}

    def test_a_change_names_the_certificate_that_it_replaces(self, lab: Lab) -> None:
        resource = self.create_and_find(lab, lab.issue(HOST)).resource
        connector = lab.connector(self.service)
        before = connector.read(resource)
        assert before is not None
        assert before.ref is not None
        _, after = self.bind_and_read(lab, resource, lab.issue(HOST))
        assert after.ref is not None
        connector.bind(resource, before.ref)
        there, back = self.changes(lab)
        old, new = before.ref.fields["identifier"], after.ref.fields["identifier"]
        for body, previous, following in ((there, old, new), (back, new, old)):
            assert f"<PreviousCertId>{previous}</PreviousCertId>" in body
            assert f"<CertId>{following}</CertId>" in body
            assert "Force" not in body

    def test_a_first_certificate_is_forced_and_removed_without_force(self, lab: Lab) -> None:
        resource = self.create_and_find(lab, None).resource
        connector, _ = self.bind_and_read(lab, resource, lab.issue(HOST))
        connector.bind(resource, None)
        first, last = self.changes(lab)
        assert "<Force>true</Force>" in first
        assert "DeleteCertificate" in last
        assert "Force" not in last

    def test_nothing_is_sent_where_the_certificate_is_there_already(self, lab: Lab) -> None:
        resource = self.create_and_find(lab, lab.issue(HOST)).resource
        connector, after = self.bind_and_read(lab, resource, lab.issue(HOST))
        connector.bind(resource, after.ref)
        assert len(self.changes(lab)) == 1

    def test_a_change_that_someone_else_overtook_is_refused_and_tried_again(self, lab: Lab) -> None:
        resource = self.create_and_find(lab, lab.issue(HOST)).resource
        connector = lab.connector(self.service)
        assert isinstance(connector, Oss)
        seen = connector.read(resource)
        assert seen is not None
        assert seen.ref is not None
        theirs = lab.issue(HOST)
        self.bind_and_read(lab, resource, theirs)
        detail, ours = resource.detail, self.install(lab, lab.issue(HOST))
        with pytest.raises(Transient) as failure:  # what `bind` sends when it has read `seen`
            connector.oss.put_cname(
                detail["bucket"],
                resource.region,
                detail["domain"],
                False,
                cert_id=ours.fields["identifier"],
                previous_cert_id=seen.ref.fields["identifier"],
            )
        assert failure.value.code == "0018-00000209"
        now = connector.read(resource)
        assert now is not None
        assert now.fingerprint == theirs.certificate.fingerprint

    def test_a_certificate_that_only_the_bucket_has_cannot_be_restored(self, lab: Lab) -> None:
        self.create_resource(lab, HOST, lab.issue(HOST), type="Upload")
        (found,) = list_all(lab.connector(self.service))
        connector = lab.connector(self.service)
        assert found.binding is not None
        assert found.binding.not_after is not None
        assert (found.binding.fingerprint, found.binding.ref) == (None, None)
        assert connector.explain_not_reversible(found.resource, found.binding) == ONLY_IN_BUCKET
        self.bind_and_read(lab, found.resource, lab.issue(HOST))

    def test_unless_the_same_certificate_is_also_in_the_store(self, lab: Lab) -> None:
        made = lab.issue(HOST)
        self.create_resource(lab, HOST, made, type="Upload")
        (found,) = list_all(lab.connector(self.service))
        reference = self.install(lab, made)
        read = lab.connector(self.service).read(found.resource)
        assert read is not None
        assert (read.fingerprint, read.ref) == (made.certificate.fingerprint, reference)

    def test_buckets_are_asked_in_the_region_where_they_are(self, lab: Lab) -> None:
        self.create_resource(lab, "a.example.com", None, region="cn-beijing")
        self.create_resource(lab, "b.example.com", None, region="us-west-1")
        found = list(list_all(lab.connector(self.service)))
        assert [f.resource.region for f in found] == ["cn-beijing", "us-west-1"]
        self.bind_and_read(lab, found[1].resource, lab.issue("b.example.com"))
        (only,) = list_all(lab.connector(self.service, regions="cn-beijing"))
        assert only.resource == found[0].resource

    @pytest.mark.parametrize(
        ("written", "wildcard"), [("*.example.com", False), ("example.com", True)]
    )
    def test_wildcards_are_known_in_both_spellings(
        self, lab: Lab, written: str, wildcard: bool
    ) -> None:
        self.create_resource(lab, written, lab.issue("*.example.com"), wildcard=wildcard)
        (found,) = list_all(lab.connector(self.service))
        assert found.resource.domains == ("*.example.com",)
        self.bind_and_read(lab, found.resource, lab.issue("*.example.com"))

    def test_a_domain_that_is_disabled_is_listed_so(self, lab: Lab) -> None:
        self.create_resource(lab, HOST, None, status="Disabled")
        (found,) = list_all(lab.connector(self.service))
        assert found.resource.state == "disabled"

    def test_a_domain_or_a_bucket_that_is_gone_is_final(self, lab: Lab) -> None:
        resource = self.create_and_find(lab, None).resource
        for change, code in (
            ({"domain": "gone.example.com"}, "NoSuchCname"),
            ({"bucket": "gone"}, "NoSuchBucket"),
        ):
            gone = resource.model_copy(update={"detail": {**resource.detail, **change}})
            with pytest.raises(Permanent) as refused:
                lab.connector(self.service).read(gone)
            assert refused.value.code == code

    def test_a_bucket_that_is_deleted_while_it_is_listed_is_passed_over(self, lab: Lab) -> None:
        self.create_resource(lab, HOST, None)
        lab.cloud.add_fault("error", "ListCname", code="NoSuchBucket", status=404)
        assert list(list_all(lab.connector(self.service))) == []

    def test_a_refusal_names_the_permissions_that_the_service_needs_elsewhere(
        self, lab: Lab
    ) -> None:
        found: DiscoveredResource = self.create_and_find(lab, None)
        reference = self.install(lab, lab.issue(HOST))
        lab.cloud.add_fault("error", "PutCname", code="AccessDenied", status=403)
        with pytest.raises(NeedsOperator) as failure:
            lab.connector(self.service).bind(found.resource, reference)
        advice = failure.value.advice or ""
        assert "oss:PutCname" in advice
        assert "yundun-cert:DescribeSSLCertificatePrivateKey" in advice

    def test_no_request_to_the_service_holds_a_private_key(self, lab: Lab) -> None:
        made = lab.issue(HOST)
        self.bind_and_read(lab, self.create_and_find(lab, lab.issue(HOST)).resource, made)
        carrying = [
            self.action(row)
            for row in lab.cloud.list_requests(lab.account)
            if any(trace in row["query"] + row["body"] for trace in made.traces)
        ]
        assert carrying == ["UploadUserCertificate"]
