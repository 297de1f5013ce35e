"""What a TLS client sees at the edge, by real handshakes."""

import socket
import ssl

import pytest
from alibabacloud_cdn20180510 import models

from tests.sandbox.conftest import Start
from tests.sandbox.running import Running
from tests.support.factory import Authority, Leaf


def bind(running: Running, name: str, leaf: Leaf | None) -> None:
    request = models.SetCdnDomainSSLCertificateRequest(domain_name=name, sslprotocol="off")
    if leaf is not None:
        request = models.SetCdnDomainSSLCertificateRequest(
            domain_name=name,
            sslprotocol="on",
            cert_type="upload",
            sslpub=leaf.pem.decode(),
            sslpri=leaf.key_pem.decode(),
        )
    running.cdn().set_cdn_domain_sslcertificate(request)


def test_the_former_certificate_is_served_until_the_change_has_arrived(
    cloud: Running, authority: Authority
) -> None:
    name = "former.example.com"
    first, second, third = (authority.leaf([name]) for _ in range(3))
    cloud.seed_domain(name, first)
    assert cloud.get_served(name) == first.fingerprint
    cloud.control("POST", "propagation", {"seconds": 3600})
    bind(cloud, name, second)
    assert cloud.get_served(name) == first.fingerprint
    bind(cloud, name, third)
    assert cloud.get_served(name) == first.fingerprint
    bind(cloud, name, None)
    assert cloud.get_served(name) == first.fingerprint
    cloud.control("POST", "propagation", {"seconds": 0})
    bind(cloud, name, third)
    assert cloud.get_served(name) == third.fingerprint


def test_a_change_arrives_after_the_delay_by_itself(cloud: Running, authority: Authority) -> None:
    name, leaf = "delay.example.com", authority.leaf(["delay.example.com"], algorithm="rsa")
    cloud.seed_domain(name)
    cloud.control("POST", "propagation", {"seconds": 0.2})
    bind(cloud, name, leaf)
    cloud.wait_until_served(name, leaf.fingerprint)
    bind(cloud, name, None)
    cloud.wait_until_served(name, None)


def test_a_wildcard_stands_for_one_label_and_yields_to_an_exact_name(
    cloud: Running, authority: Authority
) -> None:
    wildcard, exact = authority.leaf(["*.w.example.com"]), authority.leaf(["a.w.example.com"])
    cloud.seed_domain(".w.example.com", wildcard)
    cloud.seed_domain("a.w.example.com", exact)
    assert cloud.get_served("b.w.example.com") == wildcard.fingerprint
    assert cloud.get_served("B.W.example.com") == wildcard.fingerprint
    assert cloud.get_served("a.w.example.com") == exact.fingerprint
    assert cloud.get_served("a.b.w.example.com") is None
    assert cloud.get_served("w.example.com") is None


def test_a_name_nobody_serves_is_refused_by_an_alert(cloud: Running) -> None:
    assert cloud.get_served("nobody.example.com") is None
    cloud.seed_domain("off.example.com")
    assert cloud.get_served("off.example.com") is None


def test_a_client_that_names_no_server_is_refused(cloud: Running) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    host, port = cloud.edge.split(":")
    with (
        socket.create_connection((host, int(port))) as plain,
        pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"),
    ):
        context.wrap_socket(plain)


def test_the_whole_chain_is_sent_and_a_client_that_trusts_the_root_is_content(
    cloud: Running, root: Authority, authority: Authority
) -> None:
    cloud.seed_domain("chain.example.com", authority.leaf(["chain.example.com"]))
    context = ssl.create_default_context(cadata=root.pem.decode())
    host, port = cloud.edge.split(":")
    with (
        socket.create_connection((host, int(port))) as plain,
        context.wrap_socket(plain, server_hostname="chain.example.com") as secured,
    ):
        secured.sendall(b"GET / HTTP/1.1\r\nhost: chain.example.com\r\n\r\n")
        assert secured.recv(4096).startswith(b"HTTP/1.1 200 OK")
        assert secured.version() == "TLSv1.3"


def test_bytes_that_are_not_tls_end_the_connection(cloud: Running) -> None:
    host, port = cloud.edge.split(":")
    with socket.create_connection((host, int(port)), 5) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        while plain.recv(4096):
            pass
    assert cloud.control("GET", "health")["status"] == "ok"


def test_keys_are_nowhere_on_disk_once_they_are_loaded(
    start: Start, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("edge")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        running = start("--propagation", "0")
    leaf = authority.leaf(["disk.example.com"])
    running.seed_domain("disk.example.com", leaf)
    assert running.get_served("disk.example.com") == leaf.fingerprint
    assert [*folder.iterdir()] == []
