"""Alibaba Cloud CDN: list domains, read and set their certificates, switch HTTPS off.

Unconfirmed against the real cloud: what is told of a domain whose HTTPS is off, whether a
certificate given as PEM gets an id in the store (here it has none), and the error code for a
missing CertId.
"""

from typing import Any

from sandbox.service import Call, operation
from sandbox.services._cdn_fields import certificate, listed
from sandbox.services._domains import Domains


class Cdn(Domains):
    """API version 2018-05-10."""

    product = "cdn"
    version = "2018-05-10"

    @operation("DescribeUserDomains", resource="DomainName")
    def list_domains(self, call: Call) -> dict[str, Any]:
        """One page of accelerated domains."""
        return self.page_of_domains(call, listed)

    @operation("DescribeCdnDomainDetail", resource="DomainName")
    def domain_detail(self, call: Call) -> dict[str, Any]:
        """One accelerated domain."""
        row = self.row(call)
        fields = listed(row)
        shared = ("CdnType", "Cname", "Description", "DomainName", "DomainStatus")
        return {
            "GetDomainDetailModel": {
                **{name: fields[name] for name in (*shared, "GmtCreated", "GmtModified")},
                "HttpsCname": fields["Cname"] if row.binding else "",
                "ResourceGroupId": fields["ResourceGroupId"],
                "Scope": fields["Coverage"],
                "ServerCertificateStatus": "on" if row.binding else "off",
            }
        }

    @operation("DescribeDomainCertificateInfo", resource="DomainName")
    def certificate_info(self, call: Call) -> dict[str, Any]:
        """What a domain is bound to; with HTTPS off only that."""
        row = self.row(call)
        info: dict[str, Any] = {"DomainName": row.name, "ServerCertificateStatus": "off"}
        if row.binding is not None:
            info |= certificate(row.binding, self.pem(row.binding))
            if row.binding["cert_id"] is not None:
                info |= {
                    "CertId": str(row.binding["cert_id"]),
                    "CertRegion": call.account.region,
                }
        return {"CertInfos": {"CertInfo": [info]}}

    @operation("DescribeCdnHttpsDomainList", resource="Keyword")
    def list_https(self, call: Call) -> dict[str, Any]:
        """One page of the domains that have HTTPS on."""
        return self.page_of_https(call)

    @operation("SetCdnDomainSSLCertificate", resource="DomainName")
    def set_certificate(self, call: Call) -> dict[str, Any]:
        """Bind a certificate from the store or given as PEM, or switch HTTPS off."""
        return self.change(call)

    @operation("SetCdnDomainSMCertificate", resource="DomainName")
    def set_sm_certificate(self, call: Call) -> dict[str, Any]:
        """Set an SM2 pair of the store beside what the domain serves, or switch it off."""
        return self.change_pair(call)


SERVICE = Cdn
