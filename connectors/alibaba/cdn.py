"""Alibaba Cloud CDN: each accelerated domain serves one certificate, or none.

A wildcard domain is written ".example.com" by the service and "*.example.com" here. A domain that
serves a certificate of the store is restored by that certificate's id; one without HTTPS by
switching HTTPS off again. A certificate that was uploaded to the CDN alone, or is the CDN's own
free one, can be restored only if the same certificate also lies in the store.

Domains that are offline, under review or being deleted are listed with their state and take no
certificate; "online" here also stands for domains whose configuration is being spread.

Beside it lies a slot for an SM2 pair, "<domain>/sm", listed only if the account asks for it: the
service does not tell what it serves, and no handshake here can show it. See `_sm_slot`.

The service says at once that it serves a new certificate; its nodes follow. How long they take is
not documented: five minutes is this project's own choice.
"""

from connectors.alibaba._api.account import Site
from connectors.alibaba._api.client import Api
from connectors.alibaba._api.errors import Rule
from connectors.alibaba._bases.accelerated_domains import DomainsConnector, Words
from connectors.alibaba._stores.cas import PERMISSIONS
from domain.errors import Permanent


class Cdn(DomainsConnector):
    """Domains of the CDN."""

    title = "Content Delivery Network (CDN)"
    api = Api(
        ram="cdn",
        version="2018-05-10",
        hosts={Site.CN: "cdn.aliyuncs.com", Site.INTL: "cdn.ap-southeast-1.aliyuncs.com"},
        rules=(Rule("IllegalOperation", Permanent), Rule("InvalidDomain.NotFound", Permanent)),
    )
    words = Words(
        product="CDN",
        list="DescribeUserDomains",
        read="DescribeDomainCertificateInfo",
        bind="SetCdnDomainSSLCertificate",
        bind_sm="SetCdnDomainSMCertificate",
        listed="SslProtocol",
        switch="ServerCertificateStatus",
        pem="ServerCertificate",
    )
    permissions = (
        "cdn:DescribeUserDomains",
        "cdn:DescribeDomainCertificateInfo",
        "cdn:SetCdnDomainSSLCertificate",
        "cdn:SetCdnDomainSMCertificate",
        *PERMISSIONS,
    )
    queries_per_second = 30  # of the setter, as documented; the two readers may make 100
