"""Custom domains of both versions of Function Compute, driven by the official clients."""

import uuid
from typing import Any

import pytest
from alibabacloud_fc20230330 import models as v3
from alibabacloud_fc20230330.client import Client as Client3
from alibabacloud_fc_open20210406 import models as v2
from alibabacloud_fc_open20210406.client import Client as Client2
from alibabacloud_tea_openapi.exceptions import ClientException

from domain.certificates.keys import PrivateKey
from tests.sandbox.running import Running
from tests.sandbox.services import stored
from tests.sandbox.services.roa import ask
from tests.support.factory import Authority, Leaf


def host() -> str:
    return f"f{uuid.uuid4().hex[:12]}.example.com"


def domain(cloud: Running, name: str, leaf: Leaf | None = None, **more: Any) -> None:
    described = {"name": name, "certificate": leaf and stored.to_seed(leaf), **more}
    cloud.control("POST", "seed", {"service": "function_compute", "domains": [described]})


def older_key(leaf: Leaf) -> str:
    return PrivateKey(leaf.key_pem).traditional_pem().decode()


def certificate(leaf: Leaf, **changes: str) -> Any:
    given = {"cert_name": "c", "certificate": leaf.pem.decode(), "private_key": older_key(leaf)}
    return v3.CertConfig(**{**given, **changes})


def get(cloud: Running, name: str) -> Any:
    return ask(cloud, Client3, "get_custom_domain", name)


def update(cloud: Running, name: str, **fields: Any) -> Any:
    request = v3.UpdateCustomDomainRequest(body=v3.UpdateCustomDomainInput(**fields))
    return ask(cloud, Client3, "update_custom_domain", name, request=request)


def refused(code: str, cloud: Running, name: str, **fields: Any) -> str:
    with pytest.raises(ClientException) as caught:
        update(cloud, name, **fields)
    assert caught.value.code == code
    return str(caught.value.data["Message"])


@pytest.mark.parametrize("algorithm", ["rsa", "ec"])
def test_a_certificate_is_replaced_and_served(
    cloud: Running, authority: Authority, algorithm: str
) -> None:
    name, leaf = host(), authority.leaf(["*.example.com"], algorithm=algorithm)
    domain(cloud, name, authority.leaf([name]))
    answer = update(cloud, name, cert_config=certificate(leaf))
    assert answer.cert_config.certificate == leaf.pem.decode()
    shown = get(cloud, name)
    assert (shown.cert_config.cert_name, shown.protocol) == ("c", "HTTP,HTTPS")
    assert shown.cert_config.private_key is None, "no answer holds a private key"
    assert cloud.get_served(name) == leaf.fingerprint


def test_what_is_not_sent_stays(cloud: Running, authority: Authority) -> None:
    name = host()
    routes = {"routes": [{"path": "/*", "functionName": "f"}]}
    domain(cloud, name, authority.leaf([name]), protocol="HTTPS", routeConfig=routes)
    update(cloud, name, cert_config=certificate(authority.leaf([name])))
    shown = get(cloud, name)
    assert shown.protocol == "HTTPS"
    assert shown.route_config.routes[0].function_name == "f"


def test_a_domain_may_go_back_to_http(cloud: Running, authority: Authority) -> None:
    name = host()
    domain(cloud, name, authority.leaf([name]))
    update(cloud, name, protocol="HTTP")
    assert get(cloud, name).cert_config is None
    assert cloud.get_served(name) is None
    refused("InvalidArgument", cloud, name, protocol="HTTPS")


def test_what_is_wrong_is_refused(cloud: Running, authority: Authority) -> None:
    name, leaf, other = host(), authority.leaf(algorithm="rsa"), authority.leaf()
    domain(cloud, name, leaf)
    newer = certificate(leaf, private_key=leaf.key_pem.decode())
    assert "has to be in PEM format" in refused("InvalidArgument", cloud, name, cert_config=newer)
    wrong = certificate(leaf, private_key=older_key(other))
    assert "match" in refused("InvalidArgument", cloud, name, cert_config=wrong)
    refused("InvalidArgument", cloud, name, cert_config=certificate(leaf, certificate="x"))
    refused("InvalidArgument", cloud, name, cert_config=certificate(leaf, cert_name=""))
    refused("InvalidArgument", cloud, name, protocol="QUIC")
    refused("DomainNameNotFound", cloud, host(), cert_config=certificate(leaf))
    assert cloud.get_served(name) == leaf.fingerprint


def test_the_older_version_has_domains_of_its_own(cloud: Running, authority: Authority) -> None:
    name, leaf = host(), authority.leaf(["*.example.com"])
    domain(cloud, name, authority.leaf([name]), version="2.0")
    given = v2.CertConfig(cert_name="c", certificate=leaf.pem.decode(), private_key=older_key(leaf))
    request = v2.UpdateCustomDomainRequest(cert_config=given)
    ask(cloud, Client2, "update_custom_domain", name, request=request)
    shown = ask(cloud, Client2, "get_custom_domain", name)
    assert shown.cert_config.certificate == leaf.pem.decode()
    assert cloud.get_served(name) == leaf.fingerprint
    with pytest.raises(ClientException) as caught:
        get(cloud, name)
    assert caught.value.code == "DomainNameNotFound"
    with pytest.raises(ClientException) as older:
        ask(cloud, Client2, "get_custom_domain", host())
    assert older.value.data["ErrorCode"] == "DomainNameNotFound"


def test_domains_are_listed_by_token_and_belong_to_a_region(start: Any) -> None:
    running = start()
    names = [f"n{number}.example.com" for number in range(3)]
    for name in names:
        domain(running, name)
    domain(running, "far.example.com", region="cn-shanghai")
    first = v3.ListCustomDomainsRequest(limit=2)
    page = ask(running, Client3, "list_custom_domains", request=first)
    second = v3.ListCustomDomainsRequest(limit=2, next_token=page.next_token)
    rest = ask(running, Client3, "list_custom_domains", request=second)
    assert [one.domain_name for one in (*page.custom_domains, *rest.custom_domains)] == names
    assert rest.next_token is None
    older = ask(running, Client2, "list_custom_domains", request=v2.ListCustomDomainsRequest())
    assert older.custom_domains == []
