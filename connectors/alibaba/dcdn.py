"""Alibaba Cloud DCDN: each accelerated domain serves one certificate, or none, as at the CDN.

API: https://api.alibabacloud.com/document/dcdn/2018-01-15/SetDcdnDomainSSLCertificate

What it serves: one certificate for each domain. The service writes a wildcard domain
".example.com", certroll writes it "*.example.com". A second slot, "<domain>/sm", takes an SM2
pair, as at the CDN.

How a certificate is bound: one call of `SetDcdnDomainSSLCertificate` names the certificate in the
store, or switches HTTPS off. A rollback names the former certificate. A certificate that was
uploaded to the DCDN alone can be restored only if the store has it too.

Unconfirmed: see `connectors/alibaba/_bases/sm_slot.py`.

Limits: no rate limit for changes is documented. Ten a second are this project's own choice; the
former batch operation allowed as many. The five minutes for its nodes are our choice too.
"""

from connectors.alibaba._api.account import Site
from connectors.alibaba._api.client import Api
from connectors.alibaba._api.errors import ErrorRule
from connectors.alibaba._bases.accelerated_domains import DomainOperations, DomainsConnector
from connectors.alibaba._stores.cas import PERMISSIONS
from domain.errors import Permanent


class Dcdn(DomainsConnector):
    """Domains of the DCDN."""

    title = "Dynamic Content Delivery Network (DCDN)"
    api = Api(
        ram="dcdn",
        version="2018-01-15",
        hosts=dict.fromkeys(Site, "dcdn.aliyuncs.com"),
        rules=(
            ErrorRule("IllegalOperation", Permanent),
            ErrorRule("InvalidDomain.NotFound", Permanent),
        ),
    )
    operations = DomainOperations(
        product="DCDN",
        list="DescribeDcdnUserDomains",
        read="DescribeDcdnDomainCertificateInfo",
        bind="SetDcdnDomainSSLCertificate",
        bind_sm="SetDcdnDomainSMCertificate",
        listed_switch="SSLProtocol",
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
