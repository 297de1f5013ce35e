"""The CDN's domains."""

from tests.connectors.alibaba.domains import DomainsContract


class TestCdn(DomainsContract):
    service = "alibaba.cdn"
    product = "cdn"
    reading = "DescribeDomainCertificateInfo"
    binding = "SetCdnDomainSSLCertificate"
