"""The CDN, driven by the official client."""

import uuid
from typing import Any

import pytest
from alibabacloud_cas20200407 import models as cas_models
from alibabacloud_cdn20180510 import models
from alibabacloud_tea_openapi.exceptions import ClientException

from tests.sandbox.running import Running, ask
from tests.support.factory import Authority, Leaf


def domain() -> str:
    return f"d{uuid.uuid4().hex[:12]}.example.com"


def upload(cloud: Running, leaf: Leaf) -> int:
    request = cas_models.UploadUserCertificateRequest(
        name=uuid.uuid4().hex, cert=leaf.pem.decode(), key=leaf.key_pem.decode()
    )
    return int(cloud.cas().upload_user_certificate(request).body.cert_id)


def set_certificate(cloud: Running, name: str | None, **fields: Any) -> None:
    fields = {"sslprotocol": "on", "cert_type": "cas", **fields}
    request = models.SetCdnDomainSSLCertificateRequest(domain_name=name, **fields)
    ask(cloud.cdn(), "set_cdn_domain_sslcertificate", request)


def info(cloud: Running, name: str) -> Any:
    request = models.DescribeDomainCertificateInfoRequest(domain_name=name)
    (one,) = ask(cloud.cdn(), "describe_domain_certificate_info", request).cert_infos.cert_info
    return one


def domains(cloud: Running, **fields: Any) -> Any:
    request = models.DescribeUserDomainsRequest(**fields)
    return ask(cloud.cdn(), "describe_user_domains", request)


def refusal(code: str, cloud: Running, name: str | None, **fields: Any) -> Any:
    with pytest.raises(ClientException) as caught:
        set_certificate(cloud, name, **fields)
    assert caught.value.code == code
    return caught.value


def test_a_certificate_from_the_store_is_bound_and_read_back(
    cloud: Running, authority: Authority
) -> None:
    name, leaf = domain(), authority.leaf(["*.example.com"])
    cloud.seed_domain(name, authority.leaf([name]))
    cert_id = upload(cloud, leaf)
    set_certificate(cloud, name, cert_id=cert_id, cert_region="cn-hangzhou")
    shown = info(cloud, name)
    assert (shown.cert_id, shown.cert_region, shown.cert_type) == (
        str(cert_id),
        "cn-hangzhou",
        "cas",
    )
    assert shown.server_certificate_status == "on"
    assert shown.server_certificate == leaf.pem.decode()
    not_after = leaf.certificate.not_valid_after_utc
    assert shown.cert_expire_time == not_after.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert cloud.get_served(name) == leaf.fingerprint


def test_a_first_certificate_and_switching_off_again(cloud: Running, authority: Authority) -> None:
    name = domain()
    cloud.seed_domain(name)
    assert info(cloud, name).server_certificate_status == "off"
    leaf = authority.leaf([name])
    set_certificate(cloud, name, cert_id=upload(cloud, leaf))
    assert info(cloud, name).server_certificate_status == "on"
    set_certificate(cloud, name, sslprotocol="off", cert_type=None)
    assert info(cloud, name).server_certificate_status == "off"
    assert cloud.get_served(name) is None
    assert cloud.get_state(name)["applied"] == [leaf.fingerprint, None]


def test_a_chain_given_as_pem_has_no_id_in_the_store(cloud: Running, authority: Authority) -> None:
    name, leaf = domain(), authority.leaf(["*.example.com"], algorithm="rsa")
    cloud.seed_domain(name)
    given = {"sslpub": leaf.pem.decode(), "sslpri": leaf.key_pem.decode(), "cert_name": "mine"}
    set_certificate(cloud, name, cert_type="upload", **given)
    shown = info(cloud, name)
    assert (shown.cert_type, shown.cert_id, shown.cert_name) == ("upload", None, "mine")
    assert cloud.get_served(name) == leaf.fingerprint


def test_what_is_wrong_is_refused_with_the_documented_code(
    cloud: Running, authority: Authority
) -> None:
    name, leaf, other = domain(), authority.leaf(["*.example.com"]), authority.leaf()
    cloud.seed_domain(name)
    pem, key = leaf.pem.decode(), leaf.key_pem.decode()
    cert_id = upload(cloud, leaf)
    assert refusal("InvalidDomain.NotFound", cloud, domain(), cert_id=cert_id).status_code == 404
    refusal("MissingDomainName", cloud, None, cert_id=cert_id)
    refusal("InvalidSSLProtocol.ValueNotSupported", cloud, name, sslprotocol="maybe")
    refusal("CertId.MissingParameter", cloud, name)
    refusal("Certificate.NotFind", cloud, name, cert_id=1)
    refusal("Certificate.NotFind", cloud, name, cert_id=cert_id, cert_region="ap-southeast-1")
    refusal(
        "Abs.CertRegion.ValueNotSupported", cloud, name, cert_id=cert_id, cert_region="cn-beijing"
    )
    refusal("SSLPub.MissingParameter", cloud, name, cert_type="upload", sslpri=key)
    refusal("SSLPri.MissingParameter", cloud, name, cert_type="upload", sslpub=pem)
    refusal("Certificate.FormatError", cloud, name, cert_type="upload", sslpub="x", sslpri=key)
    wrong_key = {"cert_type": "upload", "sslpub": pem, "sslpri": other.key_pem.decode()}
    refusal("InvalidSSLPri", cloud, name, **wrong_key)
    assert cloud.get_state(name)["applied"] == []


@pytest.mark.parametrize("names", [["other.example.org"], ["*.a.example.com"], ["example.com"]])
def test_a_certificate_for_other_names_is_refused(
    cloud: Running, authority: Authority, names: list[str]
) -> None:
    name = domain()
    cloud.seed_domain(name)
    refusal("Certificate.MissMatch", cloud, name, cert_id=upload(cloud, authority.leaf(names)))


def test_a_wildcard_domain_is_written_with_a_leading_dot(
    cloud: Running, authority: Authority
) -> None:
    parent = domain()
    cloud.seed_domain(f".{parent}")
    single = authority.leaf([f"a.{parent}"])
    refusal("Certificate.MissMatch", cloud, f".{parent}", cert_id=upload(cloud, single))
    wildcard = authority.leaf([f"*.{parent}"])
    refusal("InvalidDomain.NotFound", cloud, f"*.{parent}", cert_id=upload(cloud, wildcard))
    set_certificate(cloud, f".{parent}", cert_id=upload(cloud, wildcard))
    assert cloud.get_served(f"anything.{parent}") == wildcard.fingerprint


def test_listings_are_paged_and_filtered(start: Any, authority: Authority) -> None:
    running = start("--propagation", "0")
    names = [f"d{number}.example.com" for number in range(5)]
    for name in names:
        running.seed_domain(name, status="offline" if name == names[-1] else "online")
    running.seed_domain("review.example.com", status="checking")
    pages = [domains(running, page_number=page, page_size=2) for page in (1, 2, 3)]
    seen = [one.domain_name for page in pages for one in page.domains.page_data]
    assert seen == names, "what is under review shows only on demand"
    assert {page.total_count for page in pages} == {5}
    assert domains(running, check_domain_show=True).total_count == 6
    assert domains(running, domain_status="offline").total_count == 1
    assert domains(running, domain_name="d1.example.com").total_count == 1
    fuzzy = {"domain_name": "d1", "domain_search_type": "fuzzy_match"}
    assert domains(running, **fuzzy).total_count == 1
    assert domains(running, domain_name="d1").total_count == 0
    with pytest.raises(ClientException) as refused:
        domains(running, page_size=501)
    assert refused.value.code == "InvalidPageSize"


def test_the_listing_of_https_domains_has_no_ids_but_a_verdict(
    start: Any, authority: Authority
) -> None:
    running = start()
    running.seed_domain("a.example.com", authority.leaf(["a.example.com"]))
    running.seed_domain("b.example.com", authority.leaf(["other.example.org"]))
    running.seed_domain("c.example.com")
    request = models.DescribeCdnHttpsDomainListRequest(page_number=1, page_size=10)
    answer = ask(running.cdn(), "describe_cdn_https_domain_list", request)
    verdicts = {one.domain_name: one.cert_status for one in answer.cert_infos.cert_info}
    assert verdicts == {"a.example.com": "ok", "b.example.com": "mismatch"}
    assert answer.total_count == 2


def test_a_domain_is_configuring_until_its_change_has_arrived(
    cloud: Running, authority: Authority
) -> None:
    name, leaf = domain(), authority.leaf(["*.example.com"])
    cloud.seed_domain(name)
    cloud.control("POST", "propagation", {"seconds": 3600})
    cert_id = upload(cloud, leaf)
    set_certificate(cloud, name, cert_id=cert_id)
    (listed,) = domains(cloud, domain_name=name).domains.page_data
    assert (listed.domain_status, listed.ssl_protocol) == ("configuring", "on")
    cloud.control("POST", "propagation", {"seconds": 0})
    set_certificate(cloud, name, cert_id=cert_id)
    request = models.DescribeCdnDomainDetailRequest(domain_name=name)
    shown = ask(cloud.cdn(), "describe_cdn_domain_detail", request).get_domain_detail_model
    assert (shown.domain_status, shown.server_certificate_status) == ("online", "on")


def test_a_domain_that_is_offline_takes_no_certificate(
    cloud: Running, authority: Authority
) -> None:
    name, leaf = domain(), authority.leaf(["*.example.com"])
    cloud.seed_domain(name, leaf, status="offline")
    refused = refusal("IllegalOperation", cloud, name, cert_id=upload(cloud, leaf))
    assert refused.status_code == 403
    assert cloud.get_served(name) is None
