"""Alibaba Cloud DCDN: the CDN's operations under other names, with other names for fields.

What is unconfirmed of the CDN is so here too.
"""

from typing import Any

from sandbox.resources import SandboxResource
from sandbox.service import ServiceCall, operation
from sandbox.services import _cdn_fields
from sandbox.services._domains import Domains

LISTED = (
    *("Cname", "Description", "DomainId", "DomainName", "DomainStatus"),
    *("GmtCreated", "GmtModified", "ResourceGroupId", "Sandbox", "Sources"),
)
DETAILED = (
    *("Cname", "Description", "DomainName", "DomainStatus"),
    *("GmtCreated", "GmtModified", "ResourceGroupId", "Sources"),
)
CERTIFICATE = (
    *("CertDomainName", "CertExpireTime", "CertLife", "CertName", "CertOrg", "CertType", "Status"),
)


class Dcdn(Domains):
    """API version 2018-01-15."""

    product = "dcdn"
    version = "2018-01-15"

    @operation("DescribeDcdnUserDomains", resource="DomainName")
    def list_domains(self, call: ServiceCall) -> dict[str, Any]:
        """One page of accelerated domains."""
        return self.build_domains_page(call, _to_list_row)

    @operation("DescribeDcdnDomainDetail", resource="DomainName")
    def domain_detail(self, call: ServiceCall) -> dict[str, Any]:
        """One accelerated domain."""
        row = self.get_row(call)
        fields = _cdn_fields.to_list_row(row)
        return {
            "DomainDetail": {
                **{name: fields[name] for name in DETAILED},
                "SSLProtocol": _get_switch(row),
                "Scope": fields["Coverage"],
            }
        }

    @operation("DescribeDcdnDomainCertificateInfo", resource="DomainName")
    def certificate_info(self, call: ServiceCall) -> dict[str, Any]:
        """What a domain is bound to; with HTTPS off only that."""
        row = self.get_row(call)
        info: dict[str, Any] = {"DomainName": row.name, "SSLProtocol": _get_switch(row)}
        if row.binding is not None:
            pem = self.get_pem(row.binding)
            answer = _cdn_fields.to_certificate_info(row.binding, pem)
            info |= {"SSLPub": pem, **{name: answer[name] for name in CERTIFICATE}}
            if row.binding["cert_id"] is not None:
                info |= {
                    "CertId": str(row.binding["cert_id"]),
                    "CertRegion": call.account.region,
                }
        return {"CertInfos": {"CertInfo": [info]}}

    @operation("DescribeDcdnHttpsDomainList", resource="Keyword")
    def list_https(self, call: ServiceCall) -> dict[str, Any]:
        """One page of the domains that have HTTPS on."""
        return self.build_https_page(call)

    @operation("SetDcdnDomainSSLCertificate", resource="DomainName")
    def set_certificate(self, call: ServiceCall) -> dict[str, Any]:
        """Bind a certificate from the store or given as PEM, or switch HTTPS off."""
        return self.change(call)

    @operation("SetDcdnDomainSMCertificate", resource="DomainName")
    def set_sm_certificate(self, call: ServiceCall) -> dict[str, Any]:
        """Set an SM2 pair of the store beside what the domain serves, or switch it off."""
        return self.change_pair(call)


SERVICE = Dcdn


def _to_list_row(row: SandboxResource) -> dict[str, Any]:
    fields = _cdn_fields.to_list_row(row)
    return {**{name: fields[name] for name in LISTED}, "SSLProtocol": _get_switch(row)}


def _get_switch(row: SandboxResource) -> str:
    return "on" if row.binding else "off"
