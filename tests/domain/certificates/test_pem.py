"""Files are read in every shape: binary, indented, on one line; damaged ones are refused."""

import base64

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from domain.certificates.certificate import FileNames
from domain.certificates.pem import PemBlock, is_truncated, read_blocks
from tests.support.factory import CA
from tests.support.uploads import refuse_upload, upload

LEAF = CA().leaf()
DER = LEAF.certificate.public_bytes(Encoding.DER)
REQUEST = b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"


def armoured(der: bytes) -> bytes:
    body = base64.b64encode(der)
    return b"-----BEGIN CERTIFICATE-----\n" + body + b"\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("file", ["certificate", "chain", "key"])
@pytest.mark.parametrize("content", [b"", b" \n\n"])
def test_an_empty_file_is_named(file: str, content: bytes) -> None:
    refused = refuse_upload(LEAF, **{file: content})
    assert (refused.code, refused.where) == ("empty-file", f"{file} file")


@pytest.mark.parametrize(
    ("content", "code", "part"),
    [
        (LEAF.leaf_pem[:-30], "truncated-file", "line 1 "),
        (LEAF.leaf_pem[:-5], "truncated-file", "line 1 "),
        (LEAF.leaf_pem.partition(b"\n")[2], "truncated-file", " ends a CERTIFICATE block"),
        (
            b"# chain\n" + LEAF.leaf_pem[:300] + b"\n" + LEAF.chain_pem,
            "truncated-file",
            "line 2 ",
        ),
        (LEAF.leaf_pem.replace(b"CERTIFICATE-----\n", b"X-----\n", 1), "truncated-file", ""),
        (LEAF.leaf_pem.replace(b"MII", b"M*I", 1), "truncated-file", "base64"),
        (LEAF.leaf_pem.replace(b"MII", b"MI", 1), "truncated-file", "base64"),
        (armoured(DER[:-9]), "truncated-file", "line 1 "),
        (armoured(b""), "truncated-file", "line 1 "),
        (armoured(DER[:4] + b"\x31" + DER[5:]), "damaged-certificate", "line 1 "),
        (
            armoured(DER.replace(b"\x55\x1d\x11\x04", b"\x55\x1d\x0e\x04")),
            "damaged-certificate",
            "line 1 ",
        ),
        (DER[:-9], "truncated-file", ""),
        (DER[:1], "truncated-file", ""),
        (b"0123456789" * 20, "not-a-certificate", "DER"),
        (b"hello", "no-certificate", "PEM"),
        (LEAF.key_pem, "no-certificate", "PRIVATE KEY"),
        (REQUEST + LEAF.key_pem, "no-certificate", "CERTIFICATE REQUEST, PRIVATE KEY"),
        (LEAF.pem.decode().encode("utf-16"), "no-certificate", "PEM"),
    ],
)
def test_a_file_without_a_whole_certificate_is_refused(
    content: bytes, code: str, part: str
) -> None:
    files = FileNames(certificate="a/b.pem")
    refused = refuse_upload(LEAF, certificate=content, files=files)
    assert (refused.code, refused.where) == (code, "a/b.pem")
    assert part in refused.what


def test_binary_certificates_are_accepted() -> None:
    made, _ = upload(LEAF, certificate=DER, chain=LEAF.chain_pem)
    assert made.chain_pem == LEAF.pem.decode()


def test_base64_on_one_line_or_indented_is_accepted() -> None:
    indented = b"\n".join(b"   " + line for line in LEAF.pem.splitlines())
    for certificate in (armoured(DER) + LEAF.chain_pem, indented):
        assert upload(LEAF, certificate=certificate)[0].chain_pem == LEAF.pem.decode()


def test_the_older_label_is_accepted() -> None:
    old = LEAF.pem.replace(b"CERTIFICATE-----", b"X509 CERTIFICATE-----")
    assert upload(LEAF, certificate=old)[0].chain_pem == LEAF.pem.decode()


def test_the_repr_of_a_block_does_not_show_its_content() -> None:
    block = read_blocks(LEAF.key_pem, "key")[0]
    assert block.pem == LEAF.key_pem
    assert block.is_key
    assert repr(block) == repr(PemBlock("PRIVATE KEY", 1, ())).replace(", lines=()", "")


@pytest.mark.parametrize(
    ("der", "truncated"),
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
def test_the_length_field_shows_whether_a_file_is_truncated(der: bytes, truncated: bool) -> None:
    assert is_truncated(der) is truncated
