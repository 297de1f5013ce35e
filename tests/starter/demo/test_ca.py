"""What the practice authority issues is accepted by strict clients that trust its root."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from domain.certificates.certificate import parse_pem
from starter.demo.ca import Issued, PracticeCA, generate_key

HOST = "www.example.com"


def shake_hands(issued: Issued, root: bytes, folder: Path) -> bytes | None:
    """The leaf that a client sees which trusts only `root`; server and client in this process."""
    bundle = folder / "bundle.pem"
    bundle.write_bytes(issued.pem + issued.key_pem)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(bundle)
    trusting = ssl.create_default_context(cadata=root.decode())
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(down, up, server_hostname=HOST)
    server = serving.wrap_bio(up, down, server_side=True)
    for _ in range(3):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return client.getpeercert(binary_form=True)


@pytest.mark.parametrize("algorithm", ["ec", "rsa"])
def test_a_strict_client_accepts_it(algorithm: str, tmp_path: Path) -> None:
    authority = PracticeCA(algorithm=algorithm)
    issued = authority.issue(["*.example.com"], algorithm=algorithm)
    seen = shake_hands(issued, authority.root_pem, tmp_path)
    assert seen is not None
    assert x509.load_der_x509_certificate(seen) == issued.certificate


def test_a_client_that_trusts_another_root_refuses_it(tmp_path: Path) -> None:
    issued = PracticeCA().issue([HOST])
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(issued, PracticeCA().root_pem, tmp_path)


def test_a_second_verifier_accepts_it_for_its_names_only() -> None:
    authority = PracticeCA()
    issued = authority.issue([HOST])
    policy = PolicyBuilder().store(Store([authority.root]))
    right = policy.build_server_verifier(x509.DNSName(HOST))
    path = right.verify(issued.certificate, [authority.intermediate])
    assert path == [issued.certificate, authority.intermediate, authority.root]
    wrong = policy.build_server_verifier(x509.DNSName("example.org"))
    with pytest.raises(VerificationError):
        wrong.verify(issued.certificate, [authority.intermediate])


def test_key_size_times_and_key_can_be_chosen() -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    key = generate_key("ec", 384)
    start, end = now - timedelta(days=5), now + timedelta(days=5)
    issued = PracticeCA("Mine").issue([HOST], key=key, not_before=start, not_after=end)
    made, private = parse_pem("mine", certificate=issued.pem, key=issued.key_pem, now=now)
    assert (made.not_before, made.not_after) == (start, end)
    assert (made.fingerprint, made.key_bits) == (issued.fingerprint, 384)
    assert made.issuer == "CN=Mine CA 1"
    assert private.pem() == issued.key_pem


def test_the_key_does_not_show() -> None:
    assert "key" not in repr(PracticeCA().issue([HOST]))
