"""The DCDN's domains, which are as the CDN's under other names."""

from tests.connectors.alibaba.domains import DomainsContract
from tests.connectors.alibaba.sm_slots import SmSlotsContract


class TestDcdn(DomainsContract):
    service = "alibaba.dcdn"
    product = "dcdn"
    reading = "DescribeDcdnDomainCertificateInfo"
    binding = "SetDcdnDomainSSLCertificate"


class TestDcdnSmSlots(SmSlotsContract):
    service = "alibaba.dcdn"
    product = "dcdn"
    setter = "SetDcdnDomainSMCertificate"
