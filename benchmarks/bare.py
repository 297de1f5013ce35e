"""The first baseline: the same client calls and handshakes in a thread pool, nothing durable."""

from concurrent.futures import ThreadPoolExecutor

from benchmarks.lab import ACCOUNT, SERVICE, Lab, stopwatch
from domain.resources.resource import CertificateRef, Resource
from operations.tls.handshake import look


def run(lab: Lab, resources: list[Resource], fingerprint: str) -> float:
    """Deploys to all of them; seconds from the first call to the last handshake."""
    connector = lab.clouds.connector(ACCOUNT, SERVICE)
    certificate = lab.store.certificates.get(fingerprint)

    def one(resource: Resource, ref: CertificateRef) -> None:
        connector.read(resource)
        connector.bind(resource, ref)
        while not connector.settled(resource, ref):
            pass
        for endpoint in lab.clouds.endpoints(resource):
            while look(endpoint).fingerprint != fingerprint:
                pass

    with stopwatch() as took, ThreadPoolExecutor(lab.concurrency) as pool:
        ref = connector.install(
            certificate, lambda: lab.store.certificates.key(fingerprint), resources[0]
        )
        list(pool.map(lambda resource: one(resource, ref), resources))
    return took[0]
