"""Quota Center: the limits of an account. Here there is one, of server certificates per region."""

from typing import Any

from sandbox.errors import CloudError
from sandbox.service import Call, Service, operation

CERTIFICATES = ("slb", "slb_quota_certs_num")


class Quotas(Service):
    """API version 2020-05-10."""

    product = "quotas"
    version = "2020-05-10"

    @operation("GetProductQuota", resource="QuotaActionCode")
    def quota(self, call: Call) -> dict[str, Any]:
        """One limit. What the account has of it is not told here, it differs by region."""
        product, code = call.params.need("ProductCode"), call.params.need("QuotaActionCode")
        if (product, code) != CERTIFICATES:
            raise CloudError("QUOTA.NOT.FOUND", "The quota does not exist.", 404)
        limit = self.cloud.limits["clb"]
        told = {} if limit is None else {"TotalQuota": float(limit)}
        return {
            "Quota": {
                "ProductCode": product,
                "QuotaActionCode": code,
                "QuotaName": "Server certificates in a region",
                "QuotaType": "normal",
                "QuotaCategory": "CommonQuota",
                "Adjustable": True,
                "Consumable": False,
                **told,
            }
        }


SERVICE = Quotas
