"""Every kind of fault as the official client meets it, and how a rule chooses its calls."""

import time
import uuid
from typing import Any

import pytest
from alibabacloud_cdn20180510 import models
from alibabacloud_tea_openapi.exceptions import (
    ClientException,
    ServerException,
    ThrottlingException,
)
from darabonba.exceptions import UnretryableException
from darabonba.runtime import RuntimeOptions

from sandbox.faults import FaultRule, Faults
from tests.sandbox.running import PATIENCE, Running
from tests.support.factory import Authority, Leaf

SET = "SetCdnDomainSSLCertificate"


class Domain:
    """A domain with HTTPS off, and the one change that a test tries on it."""

    def __init__(self, cloud: Running, leaf: Leaf, name: str) -> None:
        self.cloud, self.leaf, self.name = cloud, leaf, name
        cloud.seed_domain(name)

    def bind(self) -> None:
        request = models.SetCdnDomainSSLCertificateRequest(
            domain_name=self.name,
            sslprotocol="on",
            cert_type="upload",
            sslpub=self.leaf.pem.decode(),
            sslpri=self.leaf.key_pem.decode(),
        )
        runtime = RuntimeOptions(read_timeout=500)
        self.cloud.cdn().set_cdn_domain_sslcertificate_with_options(request, runtime)

    def fault(self, kind: str, **more: Any) -> None:
        self.cloud.add_fault(kind=kind, operation=SET, resource=self.name, count=1, **more)

    @property
    def applied(self) -> list[str | None]:
        return list(self.cloud.get_state(self.name)["applied"])


@pytest.fixture
def domain(cloud: Running, authority: Authority) -> Domain:
    name = f"f{uuid.uuid4().hex[:12]}.example.com"
    return Domain(cloud, authority.leaf(["*.example.com"]), name)


def ended(cloud: Running) -> int:
    """How many changes have come to their end, one way or the other."""
    return sum(cloud.control("GET", "calls")["calls"].get(f"cdn.{SET}", {}).values())


def test_throttling_says_how_long_to_wait(domain: Domain) -> None:
    domain.fault("throttle", retry_after_ms=1500)
    with pytest.raises(ThrottlingException) as caught:
        domain.bind()
    shown = caught.value
    assert (shown.code, shown.status_code, shown.retry_after) == ("Throttling.User", 400, 1500)
    assert domain.applied == []
    domain.bind()
    assert domain.applied == [domain.leaf.fingerprint]


def test_throttling_may_also_not_say(domain: Domain) -> None:
    domain.fault("throttle")
    with pytest.raises(ClientException) as caught:
        domain.bind()
    assert (caught.value.code, caught.value.status_code) == ("Throttling.User", 400)


def test_a_permanent_error_has_the_code_status_and_message_of_the_rule(domain: Domain) -> None:
    domain.fault("error", code="Forbidden.RAM", status=403, message="Not yours.")
    with pytest.raises(ClientException, match="Not yours") as caught:
        domain.bind()
    assert (caught.value.code, caught.value.status_code) == ("Forbidden.RAM", 403)
    assert domain.applied == []


def test_a_server_error(domain: Domain) -> None:
    domain.fault("5xx")
    with pytest.raises(ServerException) as caught:
        domain.bind()
    assert (caught.value.code, caught.value.status_code) == ("ServiceUnavailable", 503)
    assert domain.applied == []


def test_a_server_error_that_is_not_json(domain: Domain) -> None:
    domain.fault("5xx", html=True)
    with pytest.raises(UnretryableException):
        domain.bind()
    assert domain.applied == []


def test_a_call_that_hangs_until_the_client_leaves_is_not_applied(domain: Domain) -> None:
    before = ended(domain.cloud)
    domain.fault("hang", seconds=0.7)
    with pytest.raises(UnretryableException, match="timed out"):
        domain.bind()
    deadline = time.monotonic() + PATIENCE
    while ended(domain.cloud) == before:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert domain.applied == []


def test_a_call_that_hangs_for_a_patient_client_is_applied(domain: Domain) -> None:
    domain.fault("hang", seconds=0.05)
    domain.bind()
    assert domain.applied == [domain.leaf.fingerprint]


def test_a_reset_comes_before_anything_is_applied(domain: Domain) -> None:
    domain.fault("reset")
    with pytest.raises(UnretryableException, match="reset by peer"):
        domain.bind()
    assert domain.applied == []


def test_a_lost_answer_comes_after_the_change(domain: Domain) -> None:
    domain.fault("lost")
    with pytest.raises(UnretryableException):
        domain.bind()
    assert domain.applied == [domain.leaf.fingerprint]
    assert domain.cloud.get_served(domain.name) == domain.leaf.fingerprint


def test_a_change_that_is_accepted_may_never_be_served(domain: Domain) -> None:
    domain.fault("unserved")
    domain.bind()
    row = domain.cloud.get_state(domain.name)
    assert (row["bound"], row["serving"]) == (domain.leaf.fingerprint, None)
    assert row["settled"] is True, "the service thinks that all is well"
    assert domain.cloud.get_served(domain.name) is None
    domain.bind()
    assert domain.cloud.get_served(domain.name) == domain.leaf.fingerprint


def test_rules_are_listed_with_their_hits_and_removed(cloud: Running) -> None:
    number = cloud.add_fault(kind="reset", resource="nobody.example.com")
    other = cloud.add_fault(kind="reset", resource="nobody.example.org")
    assert [one["id"] for one in cloud.control("GET", "faults")["faults"]] == [number, other]
    (left,) = cloud.control("DELETE", f"faults/{number}")["faults"]
    assert (left["id"], left["hits"], left["kind"]) == (other, 0, "reset")
    assert cloud.control("DELETE", "faults")["faults"] == []
    assert cloud.try_control("DELETE", f"faults/{number}")[0] == 400


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"kind": "earthquake"}, "throttle"),
        ({"kind": "reset", "wen": 1}, "wen"),
        ({"kind": "reset", "share": 2}, "between 0 and 1"),
    ],
)
def test_a_malformed_rule_is_refused(cloud: Running, rule: dict[str, Any], reason: str) -> None:
    status, answer = cloud.try_control("POST", "faults", rule)
    assert status == 400
    assert reason in answer["error"]
    assert cloud.control("GET", "faults")["faults"] == []


def hits(faults: Faults, *resources: str) -> list[str]:
    return [name for name in resources if faults.take("cdn", SET, name)]


def test_a_share_hits_the_same_calls_in_any_order_of_arrival() -> None:
    names = [f"d{number}.example.com" for number in range(400)]
    one, other, third = Faults(7), Faults(7), Faults(8)
    for faults in (one, other, third):
        faults.add(FaultRule("reset", share=0.25))
    hit = hits(one, *names)
    assert 60 < len(hit) < 140
    assert set(hits(other, *reversed(names))) == set(hit)
    assert set(hits(third, *names)) != set(hit)


def test_a_rule_may_hit_each_resource_only_so_often() -> None:
    faults = Faults(0)
    faults.add(FaultRule("reset", resource="*.example.com", per_resource=1))
    assert hits(faults, "a.example.com", "a.example.com", "b.example.com", "b.org") == [
        "a.example.com",
        "b.example.com",
    ]


def test_the_first_rule_that_matches_decides() -> None:
    faults = Faults(0)
    faults.add(FaultRule("hang", service="cas"))
    faults.add(FaultRule("reset", operation="Set*", count=1))
    faults.add(FaultRule("lost"))
    kinds = [rule and rule.kind for rule in (faults.take("cdn", SET, "a") for _ in range(2))]
    assert kinds == ["reset", "lost"]
