"""The CDN's domains."""

from tests.connectors.alibaba.domains import DomainsContract
from tests.connectors.alibaba.sm_slots import SmSlotsContract


class TestCdn(DomainsContract):
    service = "alibaba.cdn"
    product = "cdn"
    reading = "DescribeDomainCertificateInfo"
    binding = "SetCdnDomainSSLCertificate"


class TestCdnSmSlots(SmSlotsContract):
    service = "alibaba.cdn"
    product = "cdn"
    setter = "SetCdnDomainSMCertificate"
