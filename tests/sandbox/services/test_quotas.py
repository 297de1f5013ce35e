"""Limits of an account: shown by the Quota Center's official client, kept by the stores."""

from collections.abc import Iterator
from typing import Any

import pytest
from alibabacloud_quotas20200510 import models
from alibabacloud_quotas20200510.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException

from tests.sandbox.running import Running, ask
from tests.sandbox.services import test_cas, test_clb
from tests.support.factory import Authority

CERTIFICATES = "slb_quota_certs_num"


@pytest.fixture
def limited(cloud: Running) -> Iterator[Running]:
    yield cloud
    cloud.control("POST", "limits", {"cas": None, "clb": 100})


def quota(cloud: Running, code: str = CERTIFICATES) -> Any:
    request = models.GetProductQuotaRequest(product_code="slb", quota_action_code=code)
    return ask(Client(cloud.config()), "get_product_quota", request).quota


def test_the_limit_of_certificates_in_a_region_is_shown(limited: Running) -> None:
    assert quota(limited).total_quota == 100
    limited.control("POST", "limits", {"clb": 7})
    assert quota(limited).total_quota == 7
    limited.control("POST", "limits", {"clb": None})
    assert quota(limited).total_quota is None


def test_no_other_limit_is_known(cloud: Running) -> None:
    with pytest.raises(ClientException) as refusal:
        quota(cloud, "slb_quota_instances_num")
    assert refusal.value.code == "QUOTA.NOT.FOUND"


def test_a_full_store_takes_no_more(limited: Running, authority: Authority) -> None:
    leaf = authority.leaf(["www.example.com"])
    limited.control("POST", "limits", {"cas": 0, "clb": 0})
    for upload in (test_cas.upload, test_clb.put):
        with pytest.raises(ClientException) as refusal:
            upload(limited, leaf)
        assert refusal.value.code == "CertificateQuotaExceeded"
    limited.control("POST", "limits", {"cas": None, "clb": 100})
    assert test_cas.upload(limited, leaf)


@pytest.mark.parametrize("limits", [{"cdn": 1}, {"clb": -1}, {"clb": "many"}])
def test_a_limit_that_is_none_is_refused(cloud: Running, limits: dict[str, Any]) -> None:
    assert cloud.try_control("POST", "limits", limits)[0] == 400
