"""Object storage, driven by the official client."""

import uuid
from typing import Any

import alibabacloud_oss_v2 as oss
import pytest
from alibabacloud_oss_v2.exceptions import OperationError

from tests.sandbox.running import Running
from tests.sandbox.services.stored import to_seed, upload_identifier
from tests.support.factory import Authority, Leaf

REGION = "cn-hangzhou"


def client(cloud: Running, region: str = REGION, **changes: str) -> Any:
    keys = {name: cloud.ready[name] for name in ("access_key_id", "access_key_secret")} | changes
    config = oss.config.Config(
        region=region,
        endpoint=cloud.ready["endpoint"],
        credentials_provider=oss.credentials.StaticCredentialsProvider(*keys.values()),
        retry_max_attempts=1,
    )
    return oss.Client(config)


def seed(cloud: Running, leaf: Leaf | None = None, **more: Any) -> tuple[str, str]:
    """A new bucket with a new domain, which serves `leaf`."""
    number = uuid.uuid4().hex[:12]
    bucket, domain = f"b{number}", f"d{number}.example.com"
    cname = {"domain": domain, "certificate": leaf and to_seed(leaf), **more}
    data = {"service": "oss", "buckets": [{"name": bucket, "cnames": [cname]}]}
    cloud.control("POST", "seed", data)
    return bucket, domain


def certificate(cloud: Running, bucket: str) -> Any:
    request = oss.models.ListCnameRequest(bucket=bucket)
    (one,) = client(cloud).list_cname(request).cnames
    return one.certificate


def put(cloud: Running, bucket: str, domain: str, **fields: Any) -> None:
    cname = oss.models.Cname(
        domain=domain, certificate_configuration=oss.models.CertificateConfiguration(**fields)
    )
    request = oss.models.PutCnameRequest(
        bucket=bucket,
        bucket_cname_configuration=oss.models.BucketCnameConfiguration(cname=cname),
    )
    client(cloud).put_cname(request)


def refused(error: OperationError) -> Any:
    """What the service says of a call that it refused."""
    return error.unwrap()


def refusal(code: str, cloud: Running, where: tuple[str, str], **fields: Any) -> Any:
    with pytest.raises(OperationError) as caught:
        put(cloud, *where, **fields)
    assert refused(caught.value).code == code
    return refused(caught.value)


def test_a_certificate_is_bound_replaced_read_back_and_removed(
    cloud: Running, authority: Authority
) -> None:
    bucket, domain = seed(cloud)
    assert certificate(cloud, bucket) is None
    first, second = (authority.leaf(["*.example.com"]) for _ in range(2))
    numbers = [upload_identifier(cloud, leaf) for leaf in (first, second)]
    put(cloud, bucket, domain, cert_id=numbers[0], force=True)
    shown = certificate(cloud, bucket)
    assert (shown.type, shown.cert_id, shown.status) == ("CAS", numbers[0], "Enabled")
    assert len(shown.fingerprint.split(":")) == 20
    assert shown.valid_end_date.endswith("GMT")
    assert cloud.get_served(domain) == first.fingerprint
    put(cloud, bucket, domain, cert_id=numbers[1], previous_cert_id=numbers[0])
    assert cloud.get_served(domain) == second.fingerprint
    put(cloud, bucket, domain, delete_certificate=True)
    assert certificate(cloud, bucket) is None
    assert cloud.get_served(domain) is None


def test_a_change_names_what_it_replaces_or_forces(cloud: Running, authority: Authority) -> None:
    where, leaf = seed(cloud, authority.leaf(["*.example.com"])), authority.leaf(["*.example.com"])
    number = upload_identifier(cloud, leaf)
    for fields in ({}, {"previous_cert_id": "1-cn-hangzhou"}, {"previous_cert_id": number}):
        error = refusal("InvalidArgument", cloud, where, cert_id=number, **fields)
        assert (error.ec, error.status_code) == ("0018-00000209", 400)
    put(cloud, *where, cert_id=number, previous_cert_id="1-cn-hangzhou", force=True)
    assert cloud.get_served(where[1]) == leaf.fingerprint


def test_a_certificate_is_also_given_as_pem(cloud: Running, authority: Authority) -> None:
    where, leaf = seed(cloud), authority.leaf(["*.example.com"])
    pem, key = leaf.pem.decode(), leaf.key_pem.decode()
    put(cloud, *where, certificate=pem, private_key=key, force=True)
    assert cloud.get_served(where[1]) == leaf.fingerprint
    wrong = authority.leaf().key_pem.decode()
    refusal("InvalidArgument", cloud, where, certificate=pem, private_key=wrong, force=True)


@pytest.mark.parametrize("force", [True, False])
def test_removing_and_forcing_do_not_go_together(
    cloud: Running, authority: Authority, force: bool
) -> None:
    where = seed(cloud, authority.leaf(["*.example.com"]))
    refusal("MalformedXML", cloud, where, delete_certificate=True, force=force)


def test_what_is_wrong_is_refused(cloud: Running, authority: Authority) -> None:
    where = seed(cloud)
    number = upload_identifier(cloud, authority.leaf(["*.example.com"]))
    stranger = upload_identifier(cloud, authority.leaf(["other.example.org"]))
    refusal("NoSuchBucket", cloud, ("nosuchbucket", where[1]), cert_id=number, force=True)
    elsewhere = (where[0], "elsewhere.example.com")
    refusal("NeedVerifyDomainOwnership", cloud, elsewhere, cert_id=number, force=True)
    refusal("NoSuchCertificate", cloud, where, cert_id="1-cn-hangzhou", force=True)
    refusal("InvalidArgument", cloud, where, cert_id=stranger, force=True)
    assert cloud.get_state("/".join(where))["applied"] == []


def test_a_certificate_that_only_the_bucket_has_has_no_number(
    cloud: Running, authority: Authority
) -> None:
    leaf = authority.leaf(["*.example.com"])
    bucket, domain = seed(cloud, leaf, type="Upload")
    shown = certificate(cloud, bucket)
    assert (shown.type, shown.cert_id) == ("Upload", None)
    assert cloud.get_served(domain) == leaf.fingerprint


def test_buckets_of_all_regions_are_listed_by_name(start: Any) -> None:
    running = start("--propagation", "0")
    places = {"b1": "cn-hangzhou", "b2": "us-west-1", "b3": "cn-beijing"}
    buckets = [{"name": f"{name}-x", "region": region} for name, region in places.items()]
    running.control("POST", "seed", {"service": "oss", "buckets": buckets})
    first = client(running).list_buckets(oss.models.ListBucketsRequest(max_keys=2))
    assert first.is_truncated
    rest = client(running).list_buckets(
        oss.models.ListBucketsRequest(max_keys=2, marker=first.next_marker)
    )
    assert not rest.is_truncated
    listed = {one.name: one.region for page in (first, rest) for one in page.buckets}
    assert listed == {f"{name}-x": region for name, region in places.items()}
    assert first.buckets[1].location == "oss-us-west-1"


@pytest.mark.parametrize(
    ("changes", "code", "status"),
    [
        ({"access_key_secret": "wrong"}, "SignatureDoesNotMatch", 403),
        ({"access_key_id": "nobody"}, "InvalidAccessKeyId", 403),
        ({"region": "cn-beijing"}, "InvalidArgument", 400),
    ],
)
def test_who_signs_wrongly_is_refused(
    cloud: Running, changes: dict[str, str], code: str, status: int
) -> None:
    bucket, _ = seed(cloud)
    with pytest.raises(OperationError) as caught:
        client(cloud, **changes).list_cname(oss.models.ListCnameRequest(bucket=bucket))
    error = refused(caught.value)
    assert (error.code, error.status_code) == (code, status)
    assert error.request_id


def test_an_operation_that_is_not_there_is_said_so(cloud: Running) -> None:
    bucket, _ = seed(cloud)
    with pytest.raises(OperationError) as caught:
        client(cloud).get_bucket_acl(oss.models.GetBucketAclRequest(bucket=bucket))
    assert refused(caught.value).code == "NotImplemented"
