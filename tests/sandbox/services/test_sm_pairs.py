"""SM2 pairs in the store and in the slots of CDN and DCDN, driven by the official clients."""

import uuid
from typing import Any

import pytest
from alibabacloud_cas20200407 import models as cas
from alibabacloud_cdn20180510 import models as cdn
from alibabacloud_dcdn20180115 import models as dcdn
from alibabacloud_dcdn20180115.client import Client as DcdnClient
from alibabacloud_tea_openapi.exceptions import ClientException
from cryptography.hazmat.primitives.serialization import PrivateFormat

from tests.sandbox.running import Running, ask
from tests.support.factory import Authority, encode_pem
from tests.support.sm2_factory import (
    Sm2Authority,
    Sm2Leaf,
    build_encryption_key_usage,
    encode_key_der,
)

ISSUER = Sm2Authority.root().sub()


def halves(*names: str) -> tuple[Sm2Leaf, Sm2Leaf]:
    return ISSUER.leaf(names), ISSUER.leaf(names, key_usage=build_encryption_key_usage())


def upload(cloud: Running, *names: str, **changed: str | None) -> int:
    """Uploads a pair for these names; its id."""
    sign, encrypt = halves(*(names or ("*.example.com",)))
    older = encode_pem("EC PRIVATE KEY", encode_key_der(sign.key, PrivateFormat.TraditionalOpenSSL))
    fields: dict[str, str | None] = {
        "name": uuid.uuid4().hex,
        "sign_cert": (sign.pem + ISSUER.pem).decode(),
        "sign_private_key": older.decode(),
        "encrypt_cert": encrypt.pem.decode(),
        "encrypt_private_key": encrypt.key_pem.decode(),
        **changed,
    }
    request = cas.UploadUserCertificateRequest(**fields)
    return int(ask(cloud.cas(), "upload_user_certificate", request).cert_id)


def domain(cloud: Running, authority: Authority, product: str = "cdn") -> str:
    """A domain with a usual certificate."""
    name = f"d{uuid.uuid4().hex[:12]}.example.com"
    leaf = authority.leaf([name])
    pem = {"pem": leaf.pem.decode(), "key": leaf.key_pem.decode()}
    seed = {"service": product, "domains": [{"name": name, "certificate": pem}]}
    cloud.control("POST", "seed", seed)
    return name


def set_pair(cloud: Running, name: str, identifier: str | None, protocol: str = "on") -> None:
    request = cdn.SetCdnDomainSMCertificateRequest(
        domain_name=name, cert_identifier=identifier, sslprotocol=protocol
    )
    ask(cloud.cdn(), "set_cdn_domain_smcertificate", request)


def refusal(code: str, call: Any, *arguments: Any, **more: Any) -> None:
    with pytest.raises(ClientException) as caught:
        call(*arguments, **more)
    assert caught.value.code == code


def test_a_pair_is_shown_by_the_half_that_signs_and_its_keys_only_unfiltered(
    cloud: Running,
) -> None:
    sign, encrypt = halves("a.example.com")
    cert_id = upload(
        cloud,
        sign_cert=sign.pem.decode(),
        sign_private_key=sign.key_pem.decode(),
        encrypt_cert=encrypt.pem.decode(),
        encrypt_private_key=encrypt.key_pem.decode(),
    )
    answer = [
        ask(
            cloud.cas(),
            "get_user_certificate_detail",
            cas.GetUserCertificateDetailRequest(cert_id=cert_id, cert_filter=filtered),
        )
        for filtered in (True, False)
    ]
    assert {one.algorithm for one in answer} == {"SM2"}
    assert int(answer[0].serial_no, 16) == sign.certificate.serial_number
    assert [one.sign_private_key for one in answer] == [None, sign.key_pem.decode()]
    assert [one.encrypt_private_key for one in answer] == [None, encrypt.key_pem.decode()]
    assert (answer[1].encrypt_cert, answer[1].cert, answer[1].key) == (
        encrypt.pem.decode(),
        None,
        None,
    )


def test_a_pair_that_does_not_fit_together_is_refused(cloud: Running, authority: Authority) -> None:
    other, usual = halves("other.example.org")[1], authority.leaf()
    stranger = {
        "encrypt_cert": other.pem.decode(),
        "encrypt_private_key": other.key_pem.decode(),
    }
    refusal("InvalidCertificate", upload, cloud, **stranger)
    refusal("InvalidCertificate", upload, cloud, sign_cert=usual.pem.decode())
    refusal("MissingEncryptCert", upload, cloud, encrypt_cert=None)
    key = other.key_pem.decode()
    refusal("CertificateNotMatchPrivateKey", upload, cloud, sign_private_key=key)
    for key in ("no key", usual.key_pem.decode()):
        refusal("InvalidPrivateKey", upload, cloud, encrypt_private_key=key)


def test_an_sm2_certificate_is_none_of_the_usual_ones(cloud: Running) -> None:
    half = halves("a.example.com")[0]
    request = cas.UploadUserCertificateRequest(
        name="half", cert=half.pem.decode(), key=half.key_pem.decode()
    )
    refusal("InvalidCertificate", ask, cloud.cas(), "upload_user_certificate", request)


def test_the_usual_fields_come_first(cloud: Running, authority: Authority) -> None:
    leaf = authority.leaf()
    cert_id = upload(cloud, cert=leaf.pem.decode(), key=leaf.key_pem.decode())
    request = cas.GetUserCertificateDetailRequest(cert_id=cert_id, cert_filter=True)
    answer = ask(cloud.cas(), "get_user_certificate_detail", request)
    assert answer.sha_2 == leaf.fingerprint.upper()


def test_a_pair_is_set_and_switched_off_beside_the_usual_certificate(
    cloud: Running, authority: Authority
) -> None:
    name, cert_id = domain(cloud, authority), upload(cloud)
    before = cloud.get_state(name)
    set_pair(cloud, name, f"{cert_id}-cn-hangzhou")
    after = cloud.get_state(name)
    assert (before["sm"], before["sm_applied"]) == (None, [])
    assert after["sm_applied"] == [after["sm"]] != [None]
    assert (after["bound"], after["applied"]) == (before["bound"], [])
    request = cas.DeleteUserCertificateRequest(cert_id=cert_id)
    refusal("CertificateInUse", ask, cloud.cas(), "delete_user_certificate", request)
    set_pair(cloud, name, f"{cert_id}-cn-hangzhou", "off")
    assert cloud.get_state(name)["sm_applied"] == [after["sm"], None]
    ask(cloud.cas(), "delete_user_certificate", request)


def test_dcdn_sets_one_too(cloud: Running, authority: Authority) -> None:
    name, cert_id = domain(cloud, authority, "dcdn"), upload(cloud)
    request = dcdn.SetDcdnDomainSMCertificateRequest(
        domain_name=name, cert_identifier=f"{cert_id}-cn-hangzhou", sslprotocol="on"
    )
    ask(DcdnClient(cloud.config()), "set_dcdn_domain_smcertificate", request)
    assert cloud.get_state(name)["sm"]


def test_what_is_wrong_with_a_slot_is_refused(cloud: Running, authority: Authority) -> None:
    name, cert_id = domain(cloud, authority), upload(cloud)
    usual = cas.UploadUserCertificateRequest(
        name=uuid.uuid4().hex,
        cert=(leaf := authority.leaf([name])).pem.decode(),
        key=leaf.key_pem.decode(),
    )
    usual_id = ask(cloud.cas(), "upload_user_certificate", usual).cert_id
    unknown = "InvalidCertIdentifier.ValueNotSupported"
    for identifier in ("1-cn-hangzhou", f"{cert_id}", f"{usual_id}-cn-hangzhou", "x"):
        refusal(unknown, set_pair, cloud, name, identifier)
    refusal("MissingCertIdentifier", set_pair, cloud, name, None)
    ours = f"{cert_id}-cn-hangzhou"
    refusal("InvalidSSLProtocol.ValueNotSupported", set_pair, cloud, name, ours, "maybe")
    elsewhere = f"{upload(cloud, 'other.example.org')}-cn-hangzhou"
    refusal("Certificate.MissMatch", set_pair, cloud, name, elsewhere)
    off, stopped = (f"d{uuid.uuid4().hex[:12]}.example.com" for _ in range(2))
    cloud.seed_domain(off)
    cloud.seed_domain(stopped, authority.leaf([stopped]), status="offline")
    for one in (off, stopped):
        refusal("IllegalOperation", set_pair, cloud, one, ours)
    assert cloud.get_state(name)["sm_applied"] == []


def test_a_pair_cannot_be_bound_as_a_usual_certificate(
    cloud: Running, authority: Authority
) -> None:
    name, cert_id = domain(cloud, authority), upload(cloud)
    request = cdn.SetCdnDomainSSLCertificateRequest(
        domain_name=name, sslprotocol="on", cert_type="cas", cert_id=cert_id
    )
    call = (cloud.cdn(), "set_cdn_domain_sslcertificate", request)
    refusal("Certificate.NotFind", ask, *call)


def test_a_domain_is_being_configured_until_the_pair_has_arrived(
    start: Any, authority: Authority
) -> None:
    slow = start("--propagation", "30")
    name, cert_id = domain(slow, authority), upload(slow)
    set_pair(slow, name, f"{cert_id}-cn-hangzhou")
    request = cdn.DescribeUserDomainsRequest(domain_name=name)
    (row,) = ask(slow.cdn(), "describe_user_domains", request).domains.page_data
    assert row.domain_status == "configuring"
    assert slow.get_served(name) == slow.get_state(name)["bound"]
