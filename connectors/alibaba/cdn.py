"""Alibaba Cloud CDN: each accelerated domain serves one certificate, or none.

API: https://api.alibabacloud.com/document/Cdn/2018-05-10/SetCdnDomainSSLCertificate

What it serves: one certificate for each domain. The service writes a wildcard domain
".example.com", certroll writes it "*.example.com". Domains that are offline, under review or being
deleted are listed with their state and take no certificate. A domain is listed as "online" also
while its configuration is being distributed. A second slot, "<domain>/sm", takes an SM2 pair. It is
listed only if the account asks for it, because neither the service nor a handshake of certroll can
show what it serves; see `connectors/alibaba/_bases/sm_slot.py`.

How a certificate is bound: one call of `SetCdnDomainSSLCertificate` names the certificate in the
store, or switches HTTPS off. A rollback names the former certificate. A certificate that was
uploaded to the CDN alone, or the CDN's own free one, can be restored only if the store has it too.

Unconfirmed: see `connectors/alibaba/_bases/sm_slot.py`.

Limits: 30 changes a second, as documented. The service shows a new certificate at once and its
nodes follow; how long they take is not documented, five minutes are this project's own choice.
"""

from connectors.alibaba._api.account import Site
from connectors.alibaba._api.client import Api
from connectors.alibaba._api.errors import ErrorRule
from connectors.alibaba._bases.accelerated_domains import DomainOperations, DomainsConnector
from connectors.alibaba._stores.cas import PERMISSIONS
from domain.errors import Permanent


class Cdn(DomainsConnector):
    """Domains of the CDN."""

    title = "Content Delivery Network (CDN)"
    api = Api(
        ram="cdn",
        version="2018-05-10",
        hosts={Site.CN: "cdn.aliyuncs.com", Site.INTL: "cdn.ap-southeast-1.aliyuncs.com"},
        rules=(
            ErrorRule("IllegalOperation", Permanent),
            ErrorRule("InvalidDomain.NotFound", Permanent),
        ),
    )
    operations = DomainOperations(
        product="CDN",
        list="DescribeUserDomains",
        read="DescribeDomainCertificateInfo",
        bind="SetCdnDomainSSLCertificate",
        bind_sm="SetCdnDomainSMCertificate",
        listed_switch="SslProtocol",
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
