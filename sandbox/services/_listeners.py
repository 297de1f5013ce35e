"""TLS listeners with a default and additional certificates, the base of ALB and NLB.

A change is a job. Until it has arrived the listener is Configuring and takes no other one. The
edge answers a host with the additional certificate that was added last among those for its name,
else with the default one.

Unconfirmed against the real cloud: that choice, and the codes for a certificate that does not
exist, is there already, is not there, or is one too many.
"""

import time
import uuid
from typing import Any, ClassVar

from sandbox.certificates import covers, read_facts
from sandbox.cloud import Cloud
from sandbox.errors import ApiError, build_invalid_error
from sandbox.options import SandboxAccount
from sandbox.resources import SandboxResource
from sandbox.service import Service, ServiceCall
from sandbox.services._identified import find_binding, to_edge_names
from sandbox.services._listener_rows import Job, Listener
from sandbox.services._regions import REGIONS
from sandbox.state import Table
from sandbox.store import build_binding

MAX_ADDITIONAL = 25
LEAVING = "Diassociating"  # codespell:ignore - the cloud's own spelling


class Listeners(Service):
    """A product whose resources are listeners; a subclass adds operations and answers."""

    tls_protocols: ClassVar[frozenset[str]]

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self._listeners = Table(cloud.journal, f"{self.product}_listeners", Listener)
        self._jobs = Table(cloud.journal, f"{self.product}_jobs", Job)

    def find_listeners(self, call: ServiceCall) -> list[Listener]:
        """The account's listeners in the region of the call that match its filters."""
        wanted = call.params.get("ListenerProtocol")
        balancers = {one[""] for one in call.params.get_list("LoadBalancerIds")}
        return [
            row
            for row in self._listeners
            if (row.account, row.region) == (call.account.access_key_id, call.region)
            and wanted in (None, row.protocol)
            and (not balancers or row.load_balancer in balancers)
        ]

    def get_listener(self, call: ServiceCall, *, secured: bool = True) -> Listener:
        """The listener that a call is about; `secured` when it must have a certificate."""
        row = self._listeners.get(call.params.require("ListenerId"))
        owner = (call.account.access_key_id, call.region)
        if row is None or (row.account, row.region) != owner:
            raise ApiError("ResourceNotFound.Listener", "The listener does not exist.", 404)
        if secured and row.protocol not in self.tls_protocols:
            raise ApiError("OperationDenied.Protocol", "The protocol has no certificates.")
        return row

    def get_jobs(self, call: ServiceCall) -> list[Job]:
        """The jobs of the account, in the order of their creation."""
        return [job for job in self._jobs if job.account == call.account.access_key_id]

    def build_certificate_rows(self, call: ServiceCall, row: Listener) -> list[dict[str, Any]]:
        """The certificates of a listener, with those that are still leaving."""
        arriving = [] if row.settled else row.arriving
        here = [(row.default, True)] if row.default else []
        here += [(number, False) for number in row.additional]
        shown = [(*one, "Associating" if one[0] in arriving else "Associated") for one in here]
        if not row.settled:
            shown += [(number, default, LEAVING) for number, default in row.leaving]
        return [
            {
                "CertificateId": f"{number}-{call.account.region}",
                "CertificateType": "Server",
                "IsDefault": default,
                "Status": status,
            }
            for number, default, status in shown
        ]

    def get_certificate_number(self, call: ServiceCall, identifier: str) -> int:
        """The store's number of a certificate that a call names."""
        binding = find_binding(self.cloud, call.account, identifier)
        if binding is None or binding["cert_id"] is None:
            raise ApiError("ResourceNotFound.Certificate", "The certificate does not exist.", 404)
        return binding["cert_id"]

    def replace(self, call: ServiceCall, identifiers: list[str]) -> str:
        """Change the default certificate; the job's id."""
        if len(identifiers) != 1:
            raise build_invalid_error("Certificates")
        row, number = (
            self._get_free_listener(call),
            self.get_certificate_number(call, identifiers[0]),
        )
        job = self._start_job(call, row)
        if not job.error:
            leaving = [(row.default, True)] if number != row.default else []
            row.default, row.arriving, row.leaving = number, [number], leaving
            self._apply_change(call, row)
        return job.id

    def add(self, call: ServiceCall, identifiers: list[str]) -> str:
        """Add certificates; the job's id."""
        row, numbers = (
            self._get_free_listener(call),
            [self.get_certificate_number(call, one) for one in identifiers],
        )
        if set(numbers) & {row.default, *row.additional}:
            raise ApiError(
                "ResourceAlreadyAssociated.Certificate", "The certificate is associated already."
            )
        if len(row.additional) + len(numbers) > MAX_ADDITIONAL:
            raise ApiError(
                "QuotaExceeded.AdditionalCertsNum", "There are too many additional certificates."
            )
        job = self._start_job(call, row)
        if not job.error:
            row.additional += numbers
            row.arriving, row.leaving = numbers, []
            self._apply_change(call, row)
        return job.id

    def remove(self, call: ServiceCall, identifiers: list[str]) -> str:
        """Remove additional certificates; the job's id."""
        row, numbers = (
            self._get_free_listener(call),
            [int(one.partition("-")[0]) for one in identifiers],
        )
        if not set(numbers) <= set(row.additional):
            raise ApiError(
                "ResourceNotAssociated.Certificate", "The certificate is not associated."
            )
        job = self._start_job(call, row)
        if not job.error:
            row.additional = [one for one in row.additional if one not in numbers]
            row.arriving, row.leaving = [], [(one, False) for one in numbers]
            self._apply_change(call, row)
        return job.id

    def seed(self, account: SandboxAccount, entry: dict[str, Any], *, keep_existing: bool) -> int:
        """`{"listeners": [{"certificate": {"pem", "key"}, ...}]}`, each with these if need be.

        "id", "load_balancer", "port", "protocol", "region", "status" ("stopped"), "additional"
        (a list of certificates), "hosts" (else the edge answers for the names of all of them),
        "tags" (by key), and "next_job_fails", a code.
        """
        for one in entry["listeners"]:
            if not (keep_existing and self._listeners.get(one.get("id", ""))):
                self._seed_one(account, one)
        return len(entry["listeners"])

    def _seed_one(self, account: SandboxAccount, one: dict[str, Any]) -> None:
        owner, region = account.access_key_id, one.get("region", account.region)
        if region not in REGIONS:
            raise ValueError(f"there is no region {region}")
        given = [one.get("certificate"), *one.get("additional", [])]
        put = self.cloud.certificates.put
        stored = [put(owner, each["pem"], each["key"]) if each else None for each in given]
        names = tuple(name for row in stored if row for name in row.facts.names)
        row = Listener(
            id=one.get("id") or f"lsn-{uuid.uuid4().hex[:16]}",
            account=owner,
            region=region,
            load_balancer=one.get("load_balancer") or f"{self.product}-{uuid.uuid4().hex[:16]}",
            port=int(one.get("port", 443)),
            protocol=one.get("protocol", min(self.tls_protocols)),
            hosts=to_edge_names(tuple(dict.fromkeys(one.get("hosts", names)))),
            default=stored[0].id if stored[0] else 0,
            additional=[each.id for each in stored[1:] if each],
            stopped=one.get("status") == "stopped",
            next_job_fails=one.get("next_job_fails", ""),
            tags=one.get("tags", {}),
        )
        self._listeners.save(row.id, row)
        for host in row.hosts if row.default else []:
            slot = SandboxResource(
                self.product, owner, f"{region}/{row.id}/{host}", [host], time.time()
            )
            slot.reachable = not row.stopped
            slot.binding = build_binding(self._choose_certificate(row, host))
            self.cloud.resources.add(slot)

    def _get_free_listener(self, call: ServiceCall) -> Listener:
        row = self.get_listener(call)
        if call.params.get_flag("DryRun"):
            raise ApiError("DryRunOperation", "Request validation has been passed with DryRun.")
        if not row.settled or row.stopped:
            raise ApiError(
                "IncorrectStatus.Listener", f"The status of {row.id} [{row.status}] is incorrect."
            )
        return row

    def _start_job(self, call: ServiceCall, row: Listener) -> Job:
        now, failing = time.time(), row.next_job_fails
        ends = now if failing else now + self.cloud.resources.propagation
        number = str(uuid.uuid4())
        job = Job(number, row.account, row.id, call.operation, now, ends, failing)
        self._jobs.save(number, job)
        row.next_job_fails, row.settles_at = "", ends
        self._listeners.save(row.id, row)
        return job

    def _apply_change(self, call: ServiceCall, row: Listener) -> None:
        self._listeners.save(row.id, row)
        for host in row.hosts:
            slot = self.cloud.resources.get(
                self.product, row.account, f"{row.region}/{row.id}/{host}"
            )
            chosen = self._choose_certificate(row, host)
            if slot and not (slot.binding and slot.binding["cert_id"] == chosen.id):
                self.cloud.resources.bind(slot, build_binding(chosen), unserved=call.unserved)

    def _choose_certificate(self, row: Listener, host: str) -> Any:
        get = self.cloud.certificates.get
        added = [get(row.account, number) for number in reversed(row.additional)]
        fitting = (one for one in added if one and covers(read_facts(one.pem).names, host))
        return next(fitting, None) or get(row.account, row.default)


def cut_page(call: ServiceCall, rows: list[Any], most: int) -> tuple[list[Any], dict[str, Any]]:
    """Rows from the token on, and the paging fields of the answer."""
    size = call.params.get_number("MaxResults", 20, high=most)
    start = call.params.get_number("NextToken", 0, low=0)
    more = {"NextToken": str(start + size)} if start + size < len(rows) else {}
    return rows[start : start + size], {"MaxResults": size, "TotalCount": len(rows), **more}
