"""Reads certificates from PEM and DER files of any shape, and PEM blocks; all parsers call it."""

import base64
import re
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from domain.errors import BadInput

BEGIN = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----")
END = re.compile(r"-----END ([A-Z0-9 ]+)-----")
GLUED = re.compile(r"(-----END [A-Z0-9 ]+-----)(?=-----BEGIN)")
CERTIFICATE_LABELS = ("CERTIFICATE", "X509 CERTIFICATE")
SEQUENCE = 0x30
UNREADABLE = (ValueError, x509.InvalidVersion, x509.DuplicateExtension)
COPY_AGAIN = "Copy the whole file again."


@dataclass(frozen=True)
class PemBlock:
    """The lines between BEGIN and END; `line` is the number of the BEGIN line.

    Its repr does not show the content, which may be a private key.
    """

    label: str
    line: int
    lines: tuple[str, ...] = field(repr=False)

    @property
    def is_key(self) -> bool:
        """Whether it is a private key of any form."""
        return self.label.endswith("PRIVATE KEY")

    @property
    def pem(self) -> bytes:
        """The block as a file of its own."""
        label = self.label
        inner = "\n".join(self.lines)
        return f"-----BEGIN {label}-----\n{inner}\n-----END {label}-----\n".encode()


def is_der(data: bytes) -> bool:
    """Whether the file is DER and not PEM."""
    return data[:1] == bytes([SEQUENCE]) and b"-----BEGIN" not in data


def is_truncated(der: bytes) -> bool:
    """Whether a DER value is shorter than its own length field says."""
    octets = der[1] & 0x7F if len(der) > 1 and der[1] > 0x80 else 0
    if len(der) < 2 + octets:
        return True
    length = int.from_bytes(der[2 : 2 + octets], "big") if octets else der[1] & 0x7F
    return len(der) < 2 + octets + length


def read_blocks(data: bytes, where: str) -> list[PemBlock]:
    """The PEM blocks of a file; other text is ignored. Raises BadInput if a block is truncated."""
    check_not_empty(data, where)
    text = GLUED.sub(r"\1\n", data.decode("utf-8-sig", errors="replace"))
    found: list[PemBlock] = []
    label, start, inner = "", 0, list[str]()
    for number, line in enumerate(map(str.strip, text.splitlines()), start=1):
        if begin := BEGIN.fullmatch(line):
            _check_closed(label, start, where)
            label, start, inner = begin[1], number, []
        elif end := END.fullmatch(line):
            if end[1] != label:
                what = f"line {number} ends a {end[1]} block that does not begin"
                raise build_truncated_error(what, where)
            found.append(PemBlock(label, start, tuple(inner)))
            label = ""
        elif label:
            inner.append(line)
    _check_closed(label, start, where)
    return found


def check_not_empty(data: bytes, where: str) -> None:
    """Raise BadInput if the file has no content."""
    if not data.strip():
        raise BadInput(
            "the file is empty",
            where=where,
            fix="Check that the path names the right file.",
            code="empty-file",
        )


def _check_closed(label: str, start: int, where: str) -> None:
    if label:
        what = f"the {label} block that begins on line {start} has no end"
        raise build_truncated_error(what, where)


def build_truncated_error(what: str, where: str) -> BadInput:
    """The refusal of a file of which a part is missing."""
    return BadInput(f"truncated: {what}", where=where, fix=COPY_AGAIN, code="truncated-file")


def read_certificates(data: bytes, where: str) -> list[x509.Certificate]:
    """All certificates of a file, at least one, in the file's order; private keys are skipped."""
    if is_der(data):
        return [_read_der(data, where)]
    found = read_blocks(data, where)
    wanted = [block for block in found if block.label in CERTIFICATE_LABELS]
    if not wanted:
        labels = ", ".join(sorted({block.label for block in found}))
        raise BadInput(
            f"holds no certificate, only {labels}" if labels else "holds no certificate in PEM",
            where=where,
            fix="Give a file with '-----BEGIN CERTIFICATE-----' in it.",
            code="no-certificate",
        )
    return [_read_block(block, where) for block in wanted]


def _read_der(data: bytes, where: str) -> x509.Certificate:
    if is_truncated(data):
        raise build_truncated_error("the file is shorter than its length field says", where)
    certificate = load_certificate(data)
    if certificate is None:
        raise BadInput(
            "binary, but not a certificate in DER",
            where=where,
            fix="If it is PFX (PKCS#12), upload it with --pfx; otherwise convert it to PEM.",
            code="not-a-certificate",
        )
    return certificate


def _read_block(block: PemBlock, where: str) -> x509.Certificate:
    what = f"the certificate that begins on line {block.line}"
    try:
        der = base64.b64decode("".join("".join(block.lines).split()), validate=True)
    except ValueError:
        raise build_truncated_error(f"{what} is not valid base64", where) from None
    if is_truncated(der):
        raise build_truncated_error(f"{what} is shorter than its length field says", where)
    certificate = load_certificate(der)
    if certificate is None:
        raise BadInput(
            f"{what} is damaged", where=where, fix=COPY_AGAIN, code="damaged-certificate"
        )
    return certificate


def load_certificate(der: bytes) -> x509.Certificate | None:
    """The certificate, or None if any part that is used later cannot be read."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        parts = certificate.subject, certificate.issuer, certificate.extensions
        dates = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except UNREADABLE:
        return None
    return certificate if all(part is not None for part in (*parts, *dates)) else None


def to_pem(certificates: list[x509.Certificate]) -> str:
    """The certificates as one PEM text: LF line ends, no blank lines, one LF at the end."""
    return "".join(one.public_bytes(Encoding.PEM).decode("ascii") for one in certificates)
