"""The control API: what a test can arrange and look at."""

from typing import Any

import pytest
from alibabacloud_cdn20180510 import models
from alibabacloud_tea_openapi.exceptions import ThrottlingException

from tests.sandbox.conftest import Start
from tests.sandbox.running import Running
from tests.support.factory import Authority


def test_health_names_the_addresses_and_the_services(cloud: Running) -> None:
    health = cloud.control("GET", "health")
    assert health["status"] == "ok"
    assert health["endpoint"] == cloud.ready["endpoint"]
    assert health["edge"] == cloud.edge
    assert {"cas", "cdn"} <= set(health["services"])


def test_the_state_shows_each_resource_and_certificate(start: Start, authority: Authority) -> None:
    running = start()
    leaf = authority.leaf(["a.example.com"])
    running.seed_domain("a.example.com", leaf)
    running.seed_domain("b.example.com")
    state = running.control("GET", "state?service=cdn")
    assert {row["name"]: row["bound"] for row in state["resources"]} == {
        "a.example.com": leaf.fingerprint,
        "b.example.com": None,
    }
    assert [one["fingerprint"] for one in state["certificates"]] == [leaf.fingerprint]
    assert state["resources"][0]["applied"] == [], "a seed is not a change"
    assert running.control("GET", "state?service=cas")["resources"] == []


def test_one_certificate_seeded_to_many_domains_is_in_the_store_once(
    start: Start, authority: Authority
) -> None:
    running = start()
    leaf = authority.leaf(["*.example.com"])
    certificate = {"pem": leaf.pem.decode(), "key": leaf.key_pem.decode()}
    domains: list[Any] = [
        {"name": f"d{number}.example.com", "certificate": certificate} for number in range(30)
    ]
    domains.append({"name": "raw.example.com", "certificate": certificate, "cert_type": "upload"})
    seed = {"service": "cdn", "domains": domains}
    assert running.control("POST", "seed", seed) == {"created": 31}
    assert len(running.control("GET", "state")["certificates"]) == 1
    assert running.get_served("raw.example.com") == leaf.fingerprint


def test_a_seed_goes_to_the_account_that_it_names(start: Start) -> None:
    running = start("--account", "first:one", "--account", "second:two")
    seed = {"service": "cdn", "account": "second", "domains": [{"name": "a.example.com"}]}
    running.control("POST", "seed", seed)
    request = models.DescribeUserDomainsRequest()
    assert running.cdn().describe_user_domains(request).body.total_count == 0
    second = running.cdn(access_key_id="second", access_key_secret="two")
    assert second.describe_user_domains(request).body.total_count == 1


def test_calls_are_counted_by_operation_and_code(start: Start) -> None:
    running = start()
    request = models.DescribeUserDomainsRequest()
    running.add_fault(kind="throttle", count=1, retry_after_ms=1)
    with pytest.raises(ThrottlingException):
        running.cdn().describe_user_domains(request)
    for _ in range(2):
        running.cdn().describe_user_domains(request)
    counted = running.control("GET", "calls")["calls"]
    assert counted == {"cdn.DescribeUserDomains": {"OK": 2, "Throttling.User": 1}}


@pytest.mark.parametrize(
    ("seed", "reason"),
    [
        ({"domains": []}, "service is missing"),
        ({"service": "weather"}, "no service weather"),
        ({"service": "cdn"}, "domains is missing"),
        ({"service": "cdn", "account": "x", "domains": []}, "no account x"),
        ({"service": "cdn", "domains": [{"name": "*.a.b"}]}, "wildcards are .example.com"),
        ({"service": "cdn", "domains": [{"name": "a.b", "status": "x"}]}, "the status of a domain"),
        ({"service": "cas", "certificates": [{"source": "x"}]}, "the source of a certificate"),
    ],
)
def test_a_malformed_seed_is_refused(cloud: Running, seed: dict[str, Any], reason: str) -> None:
    status, answer = cloud.try_control("POST", "seed", seed)
    assert status == 400
    assert reason in answer["error"]


def test_unknown_paths_and_bad_delays_are_refused(cloud: Running) -> None:
    assert cloud.try_control("GET", "weather")[0] == 404
    assert cloud.try_control("POST", "propagation", {"seconds": -1})[0] == 400
    assert cloud.try_control("POST", "latency", {})[0] == 400
    assert cloud.try_control("POST", "latency", {"milliseconds": "slow"})[0] == 400
