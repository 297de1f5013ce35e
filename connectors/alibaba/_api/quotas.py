"""Quota Center: reads the limits of an account. It knows no limit of the CAS.

API: https://api.alibabacloud.com/document/quotas/2020-05-10/GetProductQuota

The CLB connector calls it.

Unconfirmed, and used here only: that the one host serves the international site too.
"""

from connectors.alibaba._api.account import AlibabaSettings, Site
from connectors.alibaba._api.client import Api, Client
from domain.resources.connector import CallRateLimit

API = Api(
    ram="quotas",
    version="2020-05-10",
    hosts=dict.fromkeys(Site, "quotas.aliyuncs.com"),
)
OPERATION = "GetProductQuota"
PERMISSIONS = (f"{API.ram}:{OPERATION}",)
CALLS_PER_SECOND = 5.0  # not documented: this project's own choice

RATE_BUDGET = "alibaba.quotas"


class QuotaCenter:
    """One account's limits."""

    def __init__(self, settings: AlibabaSettings, rate_limit: CallRateLimit) -> None:
        self._client = Client(settings, API, rate_limit)

    def get_limit(self, product: str, quota: str) -> int | None:
        """The limit of this name ("slb", "slb_quota_certs_num"); None if there is none."""
        query = {"ProductCode": product, "QuotaActionCode": quota}
        total = (self._client.call(OPERATION, body=query).get("Quota") or {}).get("TotalQuota")
        return None if total is None else int(total)
