"""The regions of the practice cloud, as all products list them."""

from typing import Any

REGIONS = {
    "cn-hangzhou": "China (Hangzhou)",
    "cn-shanghai": "China (Shanghai)",
    "ap-southeast-1": "Singapore",
}


def list_regions(product: str) -> list[dict[str, Any]]:
    """The regions with the host that a product has in each."""
    return [
        {
            "RegionId": region,
            "LocalName": name,
            "RegionEndpoint": f"{product}.{region}.aliyuncs.com",
        }
        for region, name in REGIONS.items()
    ]
