"""Quota Center: how much of something the account may have. It knows no limit of the CAS.

Unconfirmed, and kept here only: that the one address serves the international site as well.
"""

from connectors.alibaba._api.account import Settings, Site
from connectors.alibaba._api.client import Api, Client
from domain.resources.connector import Pace

API = Api(
    ram="quotas",
    version="2020-05-10",
    hosts=dict.fromkeys(Site, "quotas.aliyuncs.com"),
)
ASK = "GetProductQuota"
PERMISSIONS = (f"{API.ram}:{ASK}",)
CALLS_PER_SECOND = 5.0  # not documented: this project's own choice

QUOTAS = "alibaba.quotas"


class Quotas:
    """One account's limits."""

    def __init__(self, settings: Settings, pace: Pace) -> None:
        self._client = Client(settings, API, pace)

    def limit(self, product: str, quota: str) -> int | None:
        """The limit of this name ("slb", "slb_quota_certs_num"); None where none is told."""
        asked = {"ProductCode": product, "QuotaActionCode": quota}
        told = (self._client.call(ASK, body=asked).get("Quota") or {}).get("TotalQuota")
        return None if told is None else int(told)
