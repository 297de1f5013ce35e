"""The DCDN's domains, which are as the CDN's under other names."""

from tests.connectors.alibaba.domains import DomainsContract


class TestDcdn(DomainsContract):
    service = "alibaba.dcdn"
    product = "dcdn"
    reading = "DescribeDcdnDomainCertificateInfo"
    binding = "SetDcdnDomainSSLCertificate"
