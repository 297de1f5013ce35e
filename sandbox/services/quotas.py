"""Quota Center: the limits of an account. Here there is one, of server certificates per region."""

from typing import Any

from sandbox.errors import ApiError
from sandbox.service import Service, ServiceCall, operation

CERTIFICATES = ("slb", "slb_quota_certs_num")


class Quotas(Service):
    """API version 2020-05-10."""

    product = "quotas"
    version = "2020-05-10"

    @operation("GetProductQuota", resource="QuotaActionCode")
    def quota(self, call: ServiceCall) -> dict[str, Any]:
        """One limit. The usage is not in the answer, because it differs by region."""
        product, code = call.params.require("ProductCode"), call.params.require("QuotaActionCode")
        if (product, code) != CERTIFICATES:
            raise ApiError("QUOTA.NOT.FOUND", "The quota does not exist.", 404)
        limit = self.cloud.limits["clb"]
        fields = {} if limit is None else {"TotalQuota": float(limit)}
        return {
            "Quota": {
                "ProductCode": product,
                "QuotaActionCode": code,
                "QuotaName": "Server certificates in a region",
                "QuotaType": "normal",
                "QuotaCategory": "CommonQuota",
                "Adjustable": True,
                "Consumable": False,
                **fields,
            }
        }


SERVICE = Quotas
