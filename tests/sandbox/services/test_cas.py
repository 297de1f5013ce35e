"""The certificate store, driven by the official client."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from alibabacloud_cas20200407 import models
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.utils_models import OpenApiRequest, Params
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from darabonba.runtime import RuntimeOptions

from tests.sandbox.running import Running, ask
from tests.support.factory import NOW, Authority, Leaf

DAY = timedelta(days=1)


def name() -> str:
    return f"test-{uuid.uuid4().hex[:12]}"


def upload(cloud: Running, leaf: Leaf, **more: Any) -> int:
    fields = {"name": name(), "cert": leaf.pem.decode(), "key": leaf.key_pem.decode(), **more}
    request = models.UploadUserCertificateRequest(**fields)
    return int(ask(cloud.cas(), "upload_user_certificate", request).cert_id)


def detail(cloud: Running, cert_id: int, **more: Any) -> Any:
    request = models.GetUserCertificateDetailRequest(cert_id=cert_id, **more)
    return ask(cloud.cas(), "get_user_certificate_detail", request)


def delete(cloud: Running, cert_id: int, **more: Any) -> None:
    request = models.DeleteUserCertificateRequest(cert_id=cert_id, **more)
    ask(cloud.cas(), "delete_user_certificate", request)


def refusal(code: str, call: Any, *arguments: Any, **more: Any) -> Any:
    with pytest.raises(ClientException) as caught:
        call(*arguments, **more)
    assert caught.value.code == code
    return caught.value


@pytest.mark.parametrize("algorithm", ["ec", "rsa"])
def test_an_uploaded_certificate_is_shown_in_full(
    cloud: Running, authority: Authority, algorithm: str
) -> None:
    leaf = authority.leaf(["a.example.com", "*.example.com"], algorithm=algorithm)
    cert_id = upload(cloud, leaf)
    shown = detail(cloud, cert_id, cert_filter=True)
    assert shown.cert_identifier == f"{cert_id}-cn-hangzhou"
    assert shown.sans == "a.example.com,*.example.com"
    assert shown.sha_2 == shown.cert_sha_2 == leaf.fingerprint.upper()
    sha1 = leaf.certificate.fingerprint(hashes.SHA1())  # noqa: S303 what the cloud shows
    assert shown.fingerprint == sha1.hex().upper()
    assert shown.not_after == int(leaf.certificate.not_valid_after_utc.timestamp() * 1000)
    assert shown.algorithm == {"ec": "ECC", "rsa": "RSA"}[algorithm]
    assert [link.common_name for link in shown.cert_chain][1:] == ["Practice CA"]
    assert shown.buy_in_aliyun is False
    assert shown.expired is False


def test_the_private_key_comes_unless_it_is_filtered(cloud: Running, authority: Authority) -> None:
    leaf = authority.leaf()
    cert_id = upload(cloud, leaf)
    assert detail(cloud, cert_id).key == leaf.key_pem.decode()
    filtered = detail(cloud, cert_id, cert_filter=True)
    assert (filtered.cert, filtered.key) == (None, None)


def test_serial_numbers_are_padded_with_zeros(cloud: Running, authority: Authority) -> None:
    leaf = authority.leaf()
    shown = detail(cloud, upload(cloud, leaf), cert_filter=True)
    assert len(shown.serial_no) % 2 == 0
    assert len(shown.serial_no) >= 32
    assert int(shown.serial_no, 16) == leaf.certificate.serial_number


def test_both_listings_and_both_details_agree(cloud: Running, authority: Authority) -> None:
    host = f"{name()}.example.com"
    leaf = authority.leaf([host])
    cert_id = upload(cloud, leaf)
    request = models.ListUserCertificateOrderRequest(order_type="UPLOAD", keyword=host)
    (old,) = ask(cloud.cas(), "list_user_certificate_order", request).certificate_order_list
    request = models.ListCertificatesRequest(keyword=host)
    (new,) = ask(cloud.cas(), "list_certificates", request).certificate_list
    request = models.GetCertificateDetailRequest(certificate_id=cert_id)
    shown = ask(cloud.cas(), "get_certificate_detail", request)
    assert old.certificate_id == shown.certificate_id == int(new.certificate_id) == cert_id
    assert old.fingerprint == new.finger_print == shown.finger_print
    assert old.serial_no == new.serial == shown.serial
    assert old.sha_2 == leaf.fingerprint.upper()
    assert new.certificate_status == shown.certificate_status == "issued"
    assert shown.domain == host
    assert shown.subject_alternative_names is None, "documented, but absent in reality"
    assert old.upload is True


def test_listings_are_paged(cloud: Running, authority: Authority) -> None:
    host = f"{name()}.example.com"
    ids = [upload(cloud, authority.leaf([host])) for _ in range(3)]
    seen = []
    for page in (1, 2):
        request = models.ListUserCertificateOrderRequest(
            order_type="CERT", keyword=host, current_page=page, show_size=2
        )
        answer = ask(cloud.cas(), "list_user_certificate_order", request)
        assert answer.total_count == 3
        seen += [one.certificate_id for one in answer.certificate_order_list]
    assert sorted(seen) == ids


def test_without_a_status_the_older_listing_leaves_out_what_has_expired(
    cloud: Running, authority: Authority
) -> None:
    host = f"{name()}.example.com"
    expired = authority.leaf([host], not_before=NOW - 9 * DAY, not_after=NOW - DAY)
    upload(cloud, expired)
    soon = upload(cloud, authority.leaf([host], not_after=NOW + 3 * DAY))
    for status, expected in {None: 1, "EXPIRED": 1, "WILLEXPIRED": 1, "ISSUED": 0}.items():
        request = models.ListUserCertificateOrderRequest(
            order_type="UPLOAD", keyword=host, status=status
        )
        answer = ask(cloud.cas(), "list_user_certificate_order", request)
        assert answer.total_count == expected, status
        if status in (None, "WILLEXPIRED"):
            assert answer.certificate_order_list[0].certificate_id == soon


def test_a_seeded_official_certificate_is_not_among_the_uploaded(
    cloud: Running, authority: Authority
) -> None:
    host = f"{name()}.example.com"
    leaf = authority.leaf([host])
    one = {"name": host, "pem": leaf.pem.decode(), "key": leaf.key_pem.decode(), "source": "buy"}
    cloud.control("POST", "seed", {"service": "cas", "certificates": [one]})
    for kind, expected in {"CERT": 1, "UPLOAD": 0}.items():
        request = models.ListUserCertificateOrderRequest(order_type=kind, keyword=host)
        answer = ask(cloud.cas(), "list_user_certificate_order", request)
        assert answer.total_count == expected


def test_a_repeated_client_token_uploads_nothing_twice(
    cloud: Running, authority: Authority
) -> None:
    leaf, same = authority.leaf(), {"name": name(), "client_token": name()}
    assert upload(cloud, leaf, **same) == upload(cloud, leaf, **same)
    other = authority.leaf()
    refusal("IdempotentParameterMismatch", upload, cloud, other, **same)


def test_a_name_is_unique_within_an_account(cloud: Running, authority: Authority) -> None:
    leaf, taken = authority.leaf(), name()
    upload(cloud, leaf, name=taken)
    refusal("NameRepeat", upload, cloud, leaf, name=taken)


def test_a_bad_upload_is_refused(cloud: Running, authority: Authority) -> None:
    leaf, other = authority.leaf(), authority.leaf()
    refusal("InvalidName", upload, cloud, leaf, name="n" * 64)
    upload(cloud, leaf, name=name().ljust(63, "n"))
    refusal("MissingName", upload, cloud, leaf, name=None)
    refusal("InvalidCertificate", upload, cloud, leaf, cert="not a certificate")
    refusal("InvalidPrivateKey", upload, cloud, leaf, key="not a key")
    refusal("CertificateNotMatchPrivateKey", upload, cloud, leaf, key=other.key_pem.decode())


def test_a_deleted_certificate_is_gone_and_its_id_is_not_given_again(
    cloud: Running, authority: Authority
) -> None:
    leaf, token = authority.leaf(), name()
    cert_id = upload(cloud, leaf)
    delete(cloud, cert_id, client_token=token)
    delete(cloud, cert_id, client_token=token)
    gone = refusal("NotFound", detail, cloud, cert_id)
    assert gone.status_code == 404
    refusal("NotFound", delete, cloud, cert_id)
    assert upload(cloud, leaf) > cert_id


def test_a_certificate_in_use_is_not_deleted_and_names_its_product(
    cloud: Running, authority: Authority
) -> None:
    host = f"{name()}.example.com"
    cloud.seed_domain(host, authority.leaf([host]))
    request = models.ListCertificatesRequest(keyword=host)
    (row,) = ask(cloud.cas(), "list_certificates", request).certificate_list
    assert row.using_product_list == ["CDN"]
    refusal("CertificateInUse", delete, cloud, int(row.certificate_id))


def test_parameters_are_also_taken_from_a_form_body(cloud: Running, authority: Authority) -> None:
    leaf = authority.leaf()
    params = Params(
        action="UploadUserCertificate",
        version="2020-04-07",
        protocol="HTTP",
        pathname="/",
        method="POST",
        auth_type="AK",
        style="RPC",
        req_body_type="formData",
        body_type="json",
    )
    body = {"Name": name(), "Cert": leaf.pem.decode(), "Key": leaf.key_pem.decode()}
    answer = cloud.cas().call_api(params, OpenApiRequest(body=body), RuntimeOptions())
    shown = detail(cloud, answer["body"]["CertId"], cert_filter=True)
    assert shown.sha_2 == leaf.fingerprint.upper()


def test_accounts_do_not_see_each_other(start: Any, authority: Authority) -> None:
    running = start("--account", "first:one", "--account", "second:two:intl")
    cert_id = upload(running, authority.leaf())
    other = running.cas(access_key_id="second", access_key_secret="two")
    with pytest.raises(ClientException) as refused:
        other.get_user_certificate_detail(models.GetUserCertificateDetailRequest(cert_id=cert_id))
    assert refused.value.code == "NotFound"
    leaf = authority.leaf()
    request = models.UploadUserCertificateRequest(
        name="n", cert=leaf.pem.decode(), key=leaf.key_pem.decode()
    )
    second = ask(other, "upload_user_certificate", request).cert_id
    shown = ask(
        other,
        "get_user_certificate_detail",
        models.GetUserCertificateDetailRequest(cert_id=second, cert_filter=True),
    )
    assert shown.cert_identifier == f"{second}-ap-southeast-1"
    assert x509.load_pem_x509_certificate(leaf.pem).serial_number == int(shown.serial_no, 16)
