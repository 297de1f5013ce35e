"""More than one edge, and edges that do wrong: what a TLS client sees there."""

import hashlib
import socket
import ssl
from collections.abc import Iterator

import pytest

from tests.sandbox.running import PATIENCE, Running
from tests.support.factory import Authority, Leaf

HOST = "edges.example.com"


def chain(address: str, name: str | None = HOST) -> list[str]:
    """The fingerprints of all that an edge sends, leaf first."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    host, _, port = address.rpartition(":")
    place = host.strip("[]"), int(port)
    with (
        socket.create_connection(place, PATIENCE) as plain,
        context.wrap_socket(plain, server_hostname=name) as tls,
    ):
        inner = tls._sslobj  # type: ignore[attr-defined]
        pems = [each.public_bytes() for each in inner.get_unverified_chain()]
    return [hashlib.sha256(ssl.PEM_cert_to_DER_cert(each)).hexdigest() for each in pems]


def add(cloud: Running, host: str = "127.0.0.2", **how: object) -> str:
    return str(cloud.control("POST", "edges", {"host": host, **how})["address"])


@pytest.fixture
def leaf(cloud: Running, authority: Authority) -> Iterator[Leaf]:
    """What a domain serves, with its intermediate; all faults are gone afterwards."""
    made = authority.leaf([HOST])
    cloud.seed_domain(HOST, made)
    yield made
    cloud.control("DELETE", "edge_faults")


@pytest.mark.parametrize("host", ["127.0.0.2", "::1"])
def test_edges_may_be_added_and_closed(cloud: Running, leaf: Leaf, host: str) -> None:
    address = add(cloud, host)
    assert chain(address) == chain(cloud.edge)
    cloud.control("DELETE", f"edges/{address}")
    with pytest.raises(ConnectionRefusedError):
        chain(address)
    assert chain(cloud.edge)


def test_a_frozen_edge_goes_on_with_what_was_served(
    cloud: Running, authority: Authority, leaf: Leaf
) -> None:
    address, newer = add(cloud, frozen=True), authority.leaf([HOST])
    cloud.seed_domain(HOST, newer)
    assert chain(address)[0] == leaf.fingerprint
    assert chain(cloud.edge)[0] == newer.fingerprint
    cloud.control("DELETE", f"edges/{address}")


def test_an_edge_may_have_a_default_for_clients_that_ask_for_no_name(
    cloud: Running, leaf: Leaf
) -> None:
    address = add(cloud, default=HOST)
    assert chain(address, None)[0] == leaf.fingerprint
    with pytest.raises(ssl.SSLError):
        chain(cloud.edge, None)
    cloud.control("DELETE", f"edges/{address}")


def test_a_leaf_may_come_alone_or_with_the_chain_of_another(
    cloud: Running, authority: Authority, leaf: Leaf
) -> None:
    whole = chain(cloud.edge)
    assert len(whole) == 2
    cloud.control("POST", "edge_faults", {"kind": "leaf_only", "host": HOST})
    assert chain(cloud.edge) == whole[:1]
    cloud.control("DELETE", "edge_faults")
    stranger = Authority.root("another root").sub("stranger").pem.decode()
    cloud.control("POST", "edge_faults", {"kind": "wrong_chain", "chain": stranger})
    assert chain(cloud.edge)[0] == whole[0]
    assert chain(cloud.edge)[1] != whole[1]


def test_a_fault_may_be_of_one_edge_only(cloud: Running, leaf: Leaf) -> None:
    address = add(cloud)
    cloud.control("POST", "edge_faults", {"kind": "refuse", "address": address})
    with pytest.raises(ssl.SSLError):
        chain(address)
    assert chain(cloud.edge)
    cloud.control("DELETE", f"edges/{address}")


@pytest.mark.parametrize(
    ("path", "data", "shown"),
    [
        ("edges", {"host": "192.0.2.7"}, "192.0.2.7"),
        ("edges", {}, "host"),
        ("edge_faults", {"kind": "slow"}, "leaf_only"),
        ("edge_faults", {"kind": "leaf_only", "count": 1}, "count"),
        ("edge_faults", {"kind": "wrong_chain"}, "chain"),
    ],
)
def test_what_makes_no_sense_is_refused(
    cloud: Running, path: str, data: dict[str, object], shown: str
) -> None:
    status, answer = cloud.try_control("POST", path, data)
    assert status == 400
    assert shown in answer["error"]
