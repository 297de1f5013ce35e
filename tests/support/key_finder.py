"""Find secrets in bytes, in every encoding in which they may occur."""

import base64
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, unquote_to_bytes

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from starter.demo.ca import Key

FORMS = (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL)
MIN_BYTES = 16  # so many equal bytes are no accident
PIECE = 24

# Line ends and blanks: plain, escaped for JSON or Python (once and twice), and for URLs.
_BETWEEN_LINES = re.compile(rb"\s|\\+[nrt]|%(?:25)*(?:0A|0a|0D|0d)|%(?:25)*20")


class SecretFinder:
    """Add secrets by name; `find` says which of them some bytes hold, and in what form."""

    def __init__(self) -> None:
        self._needles: dict[str, set[bytes]] = {}

    def add_key(self, name: str, key: Key) -> None:
        """Search for a private key: its files, whole or in part, and its secret numbers."""
        for number in _numbers(key):
            self._add(f"{name} in decimal", [str(number).encode()])
            octets = number.to_bytes((number.bit_length() + 7) // 8)
            for piece in (octets[:PIECE], octets[-PIECE:]):
                self._add_bytes(name, piece)
        for line in _private_lines(key):
            self._add(f"{name} as a line of PEM", [line])
            self._add(f"{name} as base64 of PEM", _base64(line))

    def add_text(self, name: str, text: str) -> None:
        """Search for a password or the like."""
        self._add(f"{name} in clear", [text.encode(), quote(text, safe="").encode()])
        self._add_bytes(name, text.encode())

    def find(self, data: bytes) -> set[str]:
        """The names and forms of the secrets in `data`, never the secrets themselves."""
        views = _views(data)
        return {
            form
            for form, needles in self._needles.items()
            if any(needle in view for view in views for needle in needles)
        }

    def _add_bytes(self, name: str, octets: bytes) -> None:
        self._add(f"{name} as bytes", [octets, repr(octets)[2:-1].encode()])
        spelled = (octets.hex(), octets.hex(":"), octets.hex().upper(), octets.hex(":").upper())
        self._add(f"{name} in hex", map(str.encode, spelled))
        self._add(f"{name} as base64", _base64(octets))

    def _add(self, form: str, needles: Iterable[bytes]) -> None:
        self._needles.setdefault(form, set()).update(needles)


def _numbers(key: Key) -> tuple[int, ...]:
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.private_numbers()
        return numbers.d, numbers.p, numbers.q
    return (key.private_numbers().private_value,)


def _private_lines(key: Key) -> Iterator[bytes]:
    """The lines of both kinds of PEM file, without those that hold only the public key."""
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    for form in FORMS:
        pem = key.private_bytes(Encoding.PEM, form, NoEncryption())
        for line in pem.splitlines()[1:-1]:
            octets = base64.b64decode(line)
            if len(octets) >= MIN_BYTES and octets not in public:
                yield line


def _base64(octets: bytes) -> set[bytes]:
    """The base64 of these bytes in the middle of others, for every position of their start."""
    found = set()
    for before in range(3):
        text = base64.b64encode(b"\0" * before + octets)
        whole = text[(before * 8 + 5) // 6 : (before + len(octets)) * 8 // 6]
        found |= {whole, whole.replace(b"+", b"-").replace(b"/", b"_")}
    return found


def _views(data: bytes) -> tuple[bytes, ...]:
    """The data as it is, with lines joined, and with URL encoding decoded once and twice."""
    joined = _BETWEEN_LINES.sub(b"", data)
    once = unquote_to_bytes(joined)
    return data, joined, once, unquote_to_bytes(once)
