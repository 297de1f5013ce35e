"""The practice cloud as other tests use it."""

from pathlib import Path

import pytest

from tests.support.factory import CA
from tests.support.practice_cloud import PracticeCloud


def test_it_comes_back_with_its_ports_and_its_state_after_being_killed(tmp_path: Path) -> None:
    with PracticeCloud(tmp_path) as cloud:
        leaf = CA().leaf(["www.example.com"])
        served = {"pem": leaf.pem.decode(), "key": leaf.key_pem.decode()}
        cloud.seed("cdn", domains=[{"name": "www.example.com", "certificate": served}])
        cloud.fault("throttle", "SetCdnDomainSSLCertificate")
        before, pid = (cloud.endpoint, cloud.edge, cloud.resources()), cloud.pid
        cloud.restart()
        assert (cloud.endpoint, cloud.edge, cloud.resources()) == before
        assert cloud.pid != pid
        assert cloud.resources(name="www.example.com")[0]["serving"] == leaf.fingerprint
        assert cloud.certificates(fingerprint="other") == []


def test_it_says_why_it_does_not_start(tmp_path: Path) -> None:
    cloud = PracticeCloud(tmp_path, site="mars")
    with pytest.raises(AssertionError, match="invalid choice"):
        cloud.start()
