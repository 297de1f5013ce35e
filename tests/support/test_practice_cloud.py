"""Tests that the process of the practice cloud keeps its ports and its state."""

from pathlib import Path

import pytest

from tests.support.factory import CA
from tests.support.practice_cloud import PracticeCloud


def test_a_killed_cloud_restarts_with_its_ports_and_its_state(tmp_path: Path) -> None:
    with PracticeCloud(tmp_path) as cloud:
        leaf = CA().leaf(["www.example.com"])
        served = {"pem": leaf.pem.decode(), "key": leaf.key_pem.decode()}
        cloud.seed("cdn", domains=[{"name": "www.example.com", "certificate": served}])
        cloud.add_fault("throttle", "SetCdnDomainSSLCertificate")
        before, pid = (cloud.endpoint, cloud.edge, cloud.list_resources()), cloud.pid
        cloud.restart()
        assert (cloud.endpoint, cloud.edge, cloud.list_resources()) == before
        assert cloud.pid != pid
        assert cloud.list_resources(name="www.example.com")[0]["serving"] == leaf.fingerprint
        assert cloud.list_certificates(fingerprint="other") == []


def test_a_cloud_that_does_not_start_shows_its_log(tmp_path: Path) -> None:
    cloud = PracticeCloud(tmp_path, site="mars")
    with pytest.raises(AssertionError, match="invalid choice"):
        cloud.start()
