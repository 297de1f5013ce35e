"""Alibaba Cloud DCDN: as the CDN, but for dynamic content, and with other names for fields.

A wildcard domain is written ".example.com" by the service and "*.example.com" here. A domain that
serves a certificate of the store is restored by that certificate's id; one without HTTPS by
switching HTTPS off again. A certificate that was uploaded to the DCDN alone can be restored only
if the same certificate also lies in the store.

Beside it lies a slot for an SM2 pair, "<domain>/sm", as at the CDN.

How often certificates may be set is not documented: ten a second is this project's own choice,
what its batch operation was allowed. So are the five minutes that its nodes may take to follow.
"""

from connectors.alibaba._api.account import Site
from connectors.alibaba._api.client import Api
from connectors.alibaba._api.errors import Rule
from connectors.alibaba._bases.accelerated_domains import DomainsConnector, Words
from connectors.alibaba._stores.cas import PERMISSIONS
from domain.errors import Permanent


class Dcdn(DomainsConnector):
    """Domains of the DCDN."""

    title = "Dynamic Content Delivery Network (DCDN)"
    api = Api(
        ram="dcdn",
        version="2018-01-15",
        hosts=dict.fromkeys(Site, "dcdn.aliyuncs.com"),
        rules=(Rule("IllegalOperation", Permanent), Rule("InvalidDomain.NotFound", Permanent)),
    )
    words = Words(
        product="DCDN",
        list="DescribeDcdnUserDomains",
        read="DescribeDcdnDomainCertificateInfo",
        bind="SetDcdnDomainSSLCertificate",
        bind_sm="SetDcdnDomainSMCertificate",
        listed="SSLProtocol",
        switch="SSLProtocol",
        pem="SSLPub",
    )
    permissions = (
        "dcdn:DescribeDcdnUserDomains",
        "dcdn:DescribeDcdnDomainCertificateInfo",
        "dcdn:SetDcdnDomainSSLCertificate",
        "dcdn:SetDcdnDomainSMCertificate",
        *PERMISSIONS,
    )
    queries_per_second = 10
