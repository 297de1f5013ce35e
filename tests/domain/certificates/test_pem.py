"""Files as people have them: cut off, binary, glued together, or something else altogether."""

import base64

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from domain.certificates.certificate import Files
from domain.certificates.pem import Block, blocks, is_cut
from tests.domain.uploads import refusal, upload
from tests.support.factory import CA

LEAF = CA().leaf()
DER = LEAF.certificate.public_bytes(Encoding.DER)
REQUEST = b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"


def armoured(der: bytes) -> bytes:
    body = base64.b64encode(der)
    return b"-----BEGIN CERTIFICATE-----\n" + body + b"\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("file", ["certificate", "chain", "key"])
@pytest.mark.parametrize("content", [b"", b" \n\n"])
def test_an_empty_file_is_named(file: str, content: bytes) -> None:
    message = refusal(LEAF, **{file: content})
    assert message == f"{file} file: the file is empty. Give the file that was meant."


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (LEAF.leaf_pem[:-30], "truncated: the CERTIFICATE block that begins on line 1 has no end"),
        (LEAF.leaf_pem[:-5], "truncated: the CERTIFICATE block that begins on line 1 has no end"),
        (LEAF.leaf_pem.partition(b"\n")[2], " ends a CERTIFICATE block that does not begin"),
        (
            b"# chain\n" + LEAF.leaf_pem[:300] + b"\n" + LEAF.chain_pem,
            "truncated: the CERTIFICATE block that begins on line 2 has no end",
        ),
        (LEAF.leaf_pem.replace(b"CERTIFICATE-----\n", b"X-----\n", 1), "does not begin"),
        (LEAF.leaf_pem.replace(b"MII", b"M*I", 1), "begins on line 1 is not valid base64"),
        (LEAF.leaf_pem.replace(b"MII", b"MI", 1), "begins on line 1 is not valid base64"),
        (armoured(DER[:-9]), "begins on line 1 is shorter than it says itself"),
        (armoured(b""), "begins on line 1 is shorter than it says itself"),
        (armoured(DER[:4] + b"\x31" + DER[5:]), "certificate that begins on line 1 is damaged"),
        (armoured(DER.replace(b"\x55\x1d\x11\x04", b"\x55\x1d\x0e\x04")), "is damaged"),
        (DER[:-9], "truncated: the file is shorter than it says itself"),
        (DER[:1], "truncated: the file is shorter than it says itself"),
        (b"0123456789" * 20, "binary, but not a certificate in DER"),
        (b"hello", "holds no certificate in PEM"),
        (LEAF.key_pem, "holds no certificate, only PRIVATE KEY"),
        (REQUEST + LEAF.key_pem, "holds no certificate, only CERTIFICATE REQUEST, PRIVATE KEY"),
        (LEAF.pem.decode().encode("utf-16"), "holds no certificate in PEM"),
    ],
)
def test_what_is_no_whole_certificate_is_refused_with_the_place(
    content: bytes, complaint: str
) -> None:
    message = refusal(LEAF, certificate=content, files=Files(certificate="a/b.pem"))
    assert message.startswith("a/b.pem: ")
    assert complaint in message


def test_binary_certificates_are_taken() -> None:
    made, _ = upload(LEAF, certificate=DER, chain=LEAF.chain_pem)
    assert made.chain_pem == LEAF.pem.decode()


def test_base64_on_one_line_or_indented_is_taken() -> None:
    indented = b"\n".join(b"   " + line for line in LEAF.pem.splitlines())
    for certificate in (armoured(DER) + LEAF.chain_pem, indented):
        assert upload(LEAF, certificate=certificate)[0].chain_pem == LEAF.pem.decode()


def test_the_older_label_is_taken() -> None:
    old = LEAF.pem.replace(b"CERTIFICATE-----", b"X509 CERTIFICATE-----")
    assert upload(LEAF, certificate=old)[0].chain_pem == LEAF.pem.decode()


def test_a_block_does_not_show_what_it_holds() -> None:
    block = blocks(LEAF.key_pem, "key")[0]
    assert block.armoured == LEAF.key_pem
    assert block.is_key
    assert repr(block) == repr(Block("PRIVATE KEY", 1, ())).replace(", lines=()", "")


@pytest.mark.parametrize(
    ("der", "cut"),
    [
        (b"", True),
        (b"\x30", True),
        (b"\x30\x00", False),
        (b"\x30\x02\x05", True),
        (b"\x30\x02\x05\x00", False),
        (b"\x30\x81", True),
        (b"\x30\x81\x02\x05", True),
        (b"\x30\x81\x02\x05\x00", False),
        (b"\x30\x80\x00\x00", False),
    ],
)
def test_the_length_within_tells_whether_something_is_cut_off(der: bytes, cut: bool) -> None:
    assert is_cut(der) is cut
