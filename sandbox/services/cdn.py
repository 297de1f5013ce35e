"""Alibaba Cloud CDN: list domains, read and set their certificates, switch HTTPS off.

Unconfirmed against the real cloud: what is shown for a domain whose HTTPS is off, whether a
certificate given as PEM gets an id in the store (here it has none), and the error code for a
missing CertId.
"""

from typing import Any

from sandbox.service import ServiceCall, operation
from sandbox.services._cdn_fields import to_certificate_info, to_list_row
from sandbox.services._domains import Domains


class Cdn(Domains):
    """API version 2018-05-10."""

    product = "cdn"
    version = "2018-05-10"

    @operation("DescribeUserDomains", resource="DomainName")
    def list_domains(self, call: ServiceCall) -> dict[str, Any]:
        """One page of accelerated domains."""
        return self.build_domains_page(call, to_list_row)

    @operation("DescribeCdnDomainDetail", resource="DomainName")
    def domain_detail(self, call: ServiceCall) -> dict[str, Any]:
        """One accelerated domain."""
        row = self.get_row(call)
        fields = to_list_row(row)
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
    def certificate_info(self, call: ServiceCall) -> dict[str, Any]:
        """What a domain is bound to; with HTTPS off only that."""
        row = self.get_row(call)
        info: dict[str, Any] = {"DomainName": row.name, "ServerCertificateStatus": "off"}
        if row.binding is not None:
            info |= to_certificate_info(row.binding, self.get_pem(row.binding))
            if row.binding["cert_id"] is not None:
                info |= {
                    "CertId": str(row.binding["cert_id"]),
                    "CertRegion": call.account.region,
                }
        return {"CertInfos": {"CertInfo": [info]}}

    @operation("DescribeCdnHttpsDomainList", resource="Keyword")
    def list_https(self, call: ServiceCall) -> dict[str, Any]:
        """One page of the domains that have HTTPS on."""
        return self.build_https_page(call)

    @operation("SetCdnDomainSSLCertificate", resource="DomainName")
    def set_certificate(self, call: ServiceCall) -> dict[str, Any]:
        """Bind a certificate from the store or given as PEM, or switch HTTPS off."""
        return self.change(call)

    @operation("SetCdnDomainSMCertificate", resource="DomainName")
    def set_sm_certificate(self, call: ServiceCall) -> dict[str, Any]:
        """Set an SM2 pair of the store beside what the domain serves, or switch it off."""
        return self.change_pair(call)


SERVICE = Cdn
