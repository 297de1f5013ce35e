"""Limits and delays that hold for every service."""

import time

import pytest
from alibabacloud_cdn20180510 import models
from alibabacloud_tea_openapi.exceptions import ThrottlingException

from tests.sandbox.conftest import Start


def test_calls_above_the_rate_are_throttled_with_the_time_to_wait(start: Start) -> None:
    running = start("--qps", "2")
    client = running.cdn()
    listing = models.DescribeUserDomainsRequest()

    def burst() -> None:
        for _ in range(50):
            client.describe_user_domains(listing)

    with pytest.raises(ThrottlingException) as caught:
        burst()
    assert caught.value.code == "Throttling.User"
    assert 0 < caught.value.retry_after <= 1000
    other = models.DescribeCdnHttpsDomainListRequest()
    client.describe_cdn_https_domain_list(other)


def test_latency_is_added_to_every_call_and_can_be_changed(start: Start) -> None:
    running = start("--latency", "60000")
    client = running.cdn()
    listing = models.DescribeUserDomainsRequest()
    running.control("POST", "latency", {"milliseconds": 0})
    client.describe_user_domains(listing)
    running.control("POST", "latency", {"milliseconds": 150})
    begin = time.monotonic()
    client.describe_user_domains(listing)
    assert time.monotonic() - begin >= 0.15
