"""API Gateway, the traditional one: domains of API groups that take certificates as PEM.

No answer ever holds a private key, though one of the fields is declared for it.

Unconfirmed against the real cloud: the error codes for a certificate that is not accepted and for
a domain that does not exist, and that a repeated call gives the certificate a new id.
"""

import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from sandbox.certificates import read
from sandbox.cloud import Cloud
from sandbox.errors import CloudError
from sandbox.options import Account
from sandbox.resources import Resource
from sandbox.service import Call, Service, operation
from sandbox.services._identified import edge_names
from sandbox.services._pem import fault_of, uploaded
from sandbox.services._regions import regions
from sandbox.services._tags import worded
from sandbox.state import Table


@dataclass
class Group:
    """One API group."""

    id: str
    account: str
    region: str
    created: float
    tags: dict[str, str] = field(default_factory=dict)


class ApiGateway(Service):
    """API version 2016-07-14."""

    product = "api_gateway"
    version = "2016-07-14"

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self._groups = Table(cloud.journal, "api_groups", Group)

    @operation("DescribeRegions")
    def regions(self, call: Call) -> dict[str, Any]:
        """All regions."""
        return {"Regions": {"Region": regions("apigateway")}}

    @operation("DescribeApiGroups", resource="GroupId")
    def list_groups(self, call: Call) -> dict[str, Any]:
        """One page of the groups of a region, 50 at most."""
        number = call.params.number("PageNumber", 1, high=100_000)
        size = call.params.number("PageSize", 10, high=50)
        place = (call.account.access_key_id, call.region)
        rows = [one for one in self._groups if (one.account, one.region) == place]
        shown = [_listed(one) for one in rows[(number - 1) * size : number * size]]
        paging = {"PageNumber": number, "PageSize": size, "TotalCount": len(rows)}
        return {"ApiGroupAttributes": {"ApiGroupAttribute": shown}, **paging}

    @operation("DescribeApiGroup", resource="GroupId")
    def describe_group(self, call: Call) -> dict[str, Any]:
        """One group with its domains, whose certificates are named but not shown."""
        group = self._group(call)
        rows = self.cloud.resources.of(self.product, group.account)
        own = [row for row in rows if row.attributes["group"] == group.id]
        items = [{**self._named(row), **row.attributes["settings"]} for row in own]
        return {**_group(group), "CustomDomains": {"DomainItem": items}, "Status": "NORMAL"}

    @operation("DescribeDomain", resource="DomainName")
    def describe_domain(self, call: Call) -> dict[str, Any]:
        """One domain with its certificate."""
        row = self._row(call)
        told = {**self._named(row), "GroupId": row.attributes["group"]}
        if row.binding:
            told["CertificateBody"] = self.cloud.resources.material(row.binding["material"]).pem
        return told

    @operation("SetDomainCertificate", resource="DomainName")
    def set_certificate(self, call: Call) -> dict[str, Any]:
        """Give a domain a certificate, in place of what it may have."""
        row, params = self._row(call), call.params
        name = params.need("CertificateName")
        pem, key = params.need("CertificateBody"), params.need("CertificatePrivateKey")
        if wrong := fault_of(pem, key):
            raise CloudError("InvalidCertificate", f"The certificate is not accepted: {wrong}.")
        row.attributes["certificate"] = uuid.uuid4().hex
        binding = uploaded(self.cloud, name, pem, key)
        self.cloud.resources.bind(row, binding, unserved=call.unserved)
        return {}

    @operation("DeleteDomainCertificate", resource="DomainName")
    def delete_certificate(self, call: Call) -> dict[str, Any]:
        """Take a domain's certificate away; one that it does not have is no error."""
        row = self._row(call)
        if row.binding and call.params.need("CertificateId") == row.attributes["certificate"]:
            self.cloud.resources.bind(row, None, unserved=call.unserved)
        return {}

    def seed(self, account: Account, entry: dict[str, Any], *, keep: bool) -> int:
        """`{"groups": [{"id", "region", "domains": [{"name", "certificate", "settings"}]}]}`.

        A group may have "tags", by key. `settings` are further fields of a domain, such as
        "DomainBindingStatus" or "SslVerifyDepth".
        """
        created, owner = 0, account.access_key_id
        for one in entry["groups"]:
            key = f"{owner}/{one['id']}"
            if keep and self._groups.get(key):
                continue
            region, tags = one.get("region", account.region), one.get("tags", {})
            group = Group(one["id"], owner, region, time.time(), tags)
            self._groups.save(key, group)
            for domain in one.get("domains", []):
                self._seed_domain(owner, group, domain)
                created += 1
        return created

    def _seed_domain(self, owner: str, group: Group, one: dict[str, Any]) -> None:
        name = one["name"]
        hosts = edge_names((name,))
        row = Resource(self.product, owner, f"{group.id}/{name}", hosts, time.time())
        if given := one.get("certificate"):
            row.binding = uploaded(self.cloud, "seed", given["pem"], given["key"])
        row.attributes = {
            "group": group.id,
            "name": name,
            "certificate": uuid.uuid4().hex,
            "settings": one.get("settings", {}),
        }
        self.cloud.resources.add(row)

    def _group(self, call: Call) -> Group:
        number = call.params.need("GroupId")
        group = self._groups.get(f"{call.account.access_key_id}/{number}")
        if group is None or group.region != call.region:
            raise CloudError("InvalidGroupId.NotFound", "The API group does not exist.", 404)
        return group

    def _row(self, call: Call) -> Resource:
        group, name = self._group(call), call.params.need("DomainName")
        row = self.cloud.resources.get(self.product, group.account, f"{group.id}/{name}")
        if row is None:
            raise CloudError("NotFoundDomain", "The domain is not bound to this group.", 404)
        return row

    def _named(self, row: Resource) -> dict[str, Any]:
        told: dict[str, Any] = {
            "DomainName": row.attributes["name"],
            "DomainBindingStatus": "BINDING",
            "DomainLegalStatus": "NORMAL",
            "DomainCNAMEStatus": "RESOLVED",
        }
        if row.binding:
            facts = read(self.cloud.resources.material(row.binding["material"]).pem)
            told |= {
                "CertificateId": row.attributes["certificate"],
                "CertificateName": row.binding["name"],
                "CertificateValidStart": int(facts.not_before.timestamp() * 1000),
                "CertificateValidEnd": int(facts.not_after.timestamp() * 1000),
            }
        return told


SERVICE = ApiGateway


def _group(one: Group) -> dict[str, Any]:
    return {
        "GroupId": one.id,
        "GroupName": one.id,
        "RegionId": one.region,
        "SubDomain": f"{one.id}-{one.region}.alicloudapi.com",
        "InstanceType": "VPC_SHARED",
        "TrafficLimit": 500,
    }


def _listed(one: Group) -> dict[str, Any]:
    """Only the listing tells the tags."""
    return {**_group(one), "Tags": {"TagInfo": worded(one.tags)}}
