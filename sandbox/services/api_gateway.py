"""API Gateway, the traditional one: domains of API groups that take certificates as PEM.

No answer ever holds a private key, though one of the fields is declared for it.

Unconfirmed against the real cloud: the error codes for a certificate that is not accepted and for
a domain that does not exist, and that a repeated call gives the certificate a new id.
"""

import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from sandbox.certificates import read_facts
from sandbox.cloud import Cloud
from sandbox.errors import ApiError
from sandbox.options import SandboxAccount
from sandbox.resources import SandboxResource
from sandbox.service import Service, ServiceCall, operation
from sandbox.services._identified import to_edge_names
from sandbox.services._pem import build_upload_binding, find_problem
from sandbox.services._regions import list_regions
from sandbox.services._tags import to_tag_list
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
    def regions(self, call: ServiceCall) -> dict[str, Any]:
        """All regions."""
        return {"Regions": {"Region": list_regions("apigateway")}}

    @operation("DescribeApiGroups", resource="GroupId")
    def list_groups(self, call: ServiceCall) -> dict[str, Any]:
        """One page of the groups of a region, 50 at most."""
        number = call.params.get_number("PageNumber", 1, high=100_000)
        size = call.params.get_number("PageSize", 10, high=50)
        owner = (call.account.access_key_id, call.region)
        rows = [one for one in self._groups if (one.account, one.region) == owner]
        shown = [_to_list_row(one) for one in rows[(number - 1) * size : number * size]]
        paging = {"PageNumber": number, "PageSize": size, "TotalCount": len(rows)}
        return {"ApiGroupAttributes": {"ApiGroupAttribute": shown}, **paging}

    @operation("DescribeApiGroup", resource="GroupId")
    def describe_group(self, call: ServiceCall) -> dict[str, Any]:
        """One group with its domains, whose certificates are named but not shown."""
        group = self._get_group(call)
        rows = self.cloud.resources.list_of(self.product, group.account)
        own = [row for row in rows if row.attributes["group"] == group.id]
        items = [{**self._to_domain(row), **row.attributes["settings"]} for row in own]
        return {**_to_group(group), "CustomDomains": {"DomainItem": items}, "Status": "NORMAL"}

    @operation("DescribeDomain", resource="DomainName")
    def describe_domain(self, call: ServiceCall) -> dict[str, Any]:
        """One domain with its certificate."""
        row = self._get_row(call)
        answer = {**self._to_domain(row), "GroupId": row.attributes["group"]}
        if row.binding:
            answer["CertificateBody"] = self.cloud.resources.get_material(
                row.binding["material"]
            ).pem
        return answer

    @operation("SetDomainCertificate", resource="DomainName")
    def set_certificate(self, call: ServiceCall) -> dict[str, Any]:
        """Sets or replaces the certificate of a domain."""
        row, params = self._get_row(call), call.params
        name = params.require("CertificateName")
        pem, key = params.require("CertificateBody"), params.require("CertificatePrivateKey")
        if wrong := find_problem(pem, key):
            raise ApiError("InvalidCertificate", f"The certificate is not accepted: {wrong}.")
        row.attributes["certificate"] = uuid.uuid4().hex
        binding = build_upload_binding(self.cloud, name, pem, key)
        self.cloud.resources.bind(row, binding, unserved=call.unserved)
        return {}

    @operation("DeleteDomainCertificate", resource="DomainName")
    def delete_certificate(self, call: ServiceCall) -> dict[str, Any]:
        """Take a domain's certificate away; one that it does not have is no error."""
        row = self._get_row(call)
        if row.binding and call.params.require("CertificateId") == row.attributes["certificate"]:
            self.cloud.resources.bind(row, None, unserved=call.unserved)
        return {}

    def seed(self, account: SandboxAccount, entry: dict[str, Any], *, keep_existing: bool) -> int:
        """`{"groups": [{"id", "region", "domains": [{"name", "certificate", "settings"}]}]}`.

        A group may have "tags", by key. `settings` are further fields of a domain, such as
        "DomainBindingStatus" or "SslVerifyDepth".
        """
        created, owner = 0, account.access_key_id
        for one in entry["groups"]:
            key = f"{owner}/{one['id']}"
            if keep_existing and self._groups.get(key):
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
        hosts = to_edge_names((name,))
        row = SandboxResource(self.product, owner, f"{group.id}/{name}", hosts, time.time())
        if given := one.get("certificate"):
            row.binding = build_upload_binding(self.cloud, "seed", given["pem"], given["key"])
        row.attributes = {
            "group": group.id,
            "name": name,
            "certificate": uuid.uuid4().hex,
            "settings": one.get("settings", {}),
        }
        self.cloud.resources.add(row)

    def _get_group(self, call: ServiceCall) -> Group:
        number = call.params.require("GroupId")
        group = self._groups.get(f"{call.account.access_key_id}/{number}")
        if group is None or group.region != call.region:
            raise ApiError("InvalidGroupId.NotFound", "The API group does not exist.", 404)
        return group

    def _get_row(self, call: ServiceCall) -> SandboxResource:
        group, name = self._get_group(call), call.params.require("DomainName")
        row = self.cloud.resources.get(self.product, group.account, f"{group.id}/{name}")
        if row is None:
            raise ApiError("NotFoundDomain", "The domain is not bound to this group.", 404)
        return row

    def _to_domain(self, row: SandboxResource) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "DomainName": row.attributes["name"],
            "DomainBindingStatus": "BINDING",
            "DomainLegalStatus": "NORMAL",
            "DomainCNAMEStatus": "RESOLVED",
        }
        if row.binding:
            facts = read_facts(self.cloud.resources.get_material(row.binding["material"]).pem)
            answer |= {
                "CertificateId": row.attributes["certificate"],
                "CertificateName": row.binding["name"],
                "CertificateValidStart": int(facts.not_before.timestamp() * 1000),
                "CertificateValidEnd": int(facts.not_after.timestamp() * 1000),
            }
        return answer


SERVICE = ApiGateway


def _to_group(one: Group) -> dict[str, Any]:
    return {
        "GroupId": one.id,
        "GroupName": one.id,
        "RegionId": one.region,
        "SubDomain": f"{one.id}-{one.region}.alicloudapi.com",
        "InstanceType": "VPC_SHARED",
        "TrafficLimit": 500,
    }


def _to_list_row(one: Group) -> dict[str, Any]:
    """Only the listing tells the tags."""
    return {**_to_group(one), "Tags": {"TagInfo": to_tag_list(one.tags)}}
