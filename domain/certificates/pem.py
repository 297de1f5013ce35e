"""Files of certificates and keys, taken apart: PEM in every shape that people have, and DER."""

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


@dataclass(frozen=True)
class Block:
    """What stands between BEGIN and END; `line` is that of BEGIN. Never shows its content."""

    label: str
    line: int
    lines: tuple[str, ...] = field(repr=False)

    @property
    def is_key(self) -> bool:
        """Whether it is a private key of any form."""
        return self.label.endswith("PRIVATE KEY")

    @property
    def armoured(self) -> bytes:
        """The block as a file of its own."""
        label = self.label
        inner = "\n".join(self.lines)
        return f"-----BEGIN {label}-----\n{inner}\n-----END {label}-----\n".encode()


def looks_binary(data: bytes) -> bool:
    """Whether this is DER rather than PEM."""
    return data[:1] == bytes([SEQUENCE]) and b"-----BEGIN" not in data


def is_cut(der: bytes) -> bool:
    """Whether a DER value says that it is longer than what is there."""
    octets = der[1] & 0x7F if len(der) > 1 and der[1] > 0x80 else 0
    if len(der) < 2 + octets:
        return True
    length = int.from_bytes(der[2 : 2 + octets], "big") if octets else der[1] & 0x7F
    return len(der) < 2 + octets + length


def blocks(data: bytes, where: str) -> list[Block]:
    """The PEM blocks of a file; text around them is ignored. Raises BadInput if one is cut off."""
    if not data.strip():
        raise BadInput("the file is empty", where=where, fix="Give the file that was meant.")
    text = GLUED.sub(r"\1\n", data.decode("utf-8-sig", errors="replace"))
    found: list[Block] = []
    label, start, inner = "", 0, list[str]()
    for number, line in enumerate(map(str.strip, text.splitlines()), start=1):
        if begin := BEGIN.fullmatch(line):
            _refuse_open(label, start, where)
            label, start, inner = begin[1], number, []
        elif end := END.fullmatch(line):
            if end[1] != label:
                raise _cut(f"line {number} ends a {end[1]} block that does not begin", where)
            found.append(Block(label, start, tuple(inner)))
            label = ""
        elif label:
            inner.append(line)
    _refuse_open(label, start, where)
    return found


def _refuse_open(label: str, start: int, where: str) -> None:
    if label:
        raise _cut(f"the {label} block that begins on line {start} has no end", where)


def _cut(what: str, where: str) -> BadInput:
    return BadInput(f"truncated: {what}", where=where, fix="Copy the whole file again.")


def certificates(data: bytes, where: str) -> list[x509.Certificate]:
    """Every certificate of a file, at least one, in the file's order; private keys are skipped."""
    if looks_binary(data):
        return [_binary(data, where)]
    found = blocks(data, where)
    wanted = [block for block in found if block.label in CERTIFICATE_LABELS]
    if not wanted:
        labels = ", ".join(sorted({block.label for block in found}))
        raise BadInput(
            f"holds no certificate, only {labels}" if labels else "holds no certificate in PEM",
            where=where,
            fix="Give a file with '-----BEGIN CERTIFICATE-----' in it.",
        )
    return [_from_block(block, where) for block in wanted]


def _binary(data: bytes, where: str) -> x509.Certificate:
    if is_cut(data):
        raise _cut("the file is shorter than it says itself", where)
    certificate = certificate_from(data)
    if certificate is None:
        raise BadInput(
            "binary, but not a certificate in DER",
            where=where,
            fix="If it is PFX (PKCS#12), upload it as such; otherwise convert it to PEM.",
        )
    return certificate


def _from_block(block: Block, where: str) -> x509.Certificate:
    place = f"the certificate that begins on line {block.line}"
    try:
        der = base64.b64decode("".join("".join(block.lines).split()), validate=True)
    except ValueError:
        raise _cut(f"{place} is not valid base64", where) from None
    if is_cut(der):
        raise _cut(f"{place} is shorter than it says itself", where)
    certificate = certificate_from(der)
    if certificate is None:
        raise BadInput(f"{place} is damaged", where=where, fix="Copy the whole file again.")
    return certificate


def certificate_from(der: bytes) -> x509.Certificate | None:
    """The certificate, with each part that is used later known to be readable; None if damaged."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        parts = certificate.subject, certificate.issuer, certificate.extensions
        dates = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except UNREADABLE:
        return None
    return certificate if all(part is not None for part in (*parts, *dates)) else None


def join(certificates: list[x509.Certificate]) -> str:
    """One PEM text: LF, no blank lines, one line feed at the end."""
    return "".join(one.public_bytes(Encoding.PEM).decode("ascii") for one in certificates)
