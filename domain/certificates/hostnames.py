"""Compares host names and decides which hosts a certificate's names cover (RFC 9525, IDNA)."""

import re
from collections.abc import Iterable
from enum import StrEnum

import idna

from domain.errors import BadInput

LONGEST_NAME, LONGEST_LABEL = 253, 63
PROBE_LABEL = "certroll-probe"

# Host names have no underscores, but services do accept them ("_dmarc", "my_app").
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?")

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
CANONICAL = re.compile(rf"(?:\*\.(?=[^.]+\.))?(?:{_LABEL}\.)*(?![0-9]+\Z){_LABEL}")
"""Matches the names that `to_ascii` returns unchanged, except for their length: a fast check."""


class NameMismatch(StrEnum):
    """Why a certificate's name almost covers a host, but does not."""

    BARE_DOMAIN = "a wildcard does not cover the bare domain"
    SEVERAL_LABELS = "a wildcard stands for exactly one label"
    WILDCARD_HOST = "only the same wildcard covers a wildcard"


def to_ascii(name: str) -> str:
    """The form in which names are compared: A-labels, lower case, without a dot at the end.

    A wildcard keeps its "*." and needs at least two labels after it. Raises BadInput for anything
    else that is not a host name: an IP address, an empty label, ".example.com", "f*.example.com".
    """
    if len(name) > LONGEST_NAME + 1:
        raise _build_length_error(name)
    text = _map_characters(name).removesuffix(".")
    rest = text.removeprefix("*.")
    labels = [_to_a_label(label, name) for label in rest.split(".")]
    if labels[-1].isdigit():
        raise BadInput(
            f"{name!r} is an IP address or a number",
            fix="Give the name of a host.",
            code="hostname-is-ip-address",
        )
    if rest != text and len(labels) < 2:
        raise BadInput(
            f"the wildcard {name!r} is too broad",
            fix="After '*.' there must be at least two labels, as in '*.example.com'.",
            code="wildcard-too-broad",
        )
    ascii_name = ("*." if rest != text else "") + ".".join(labels)
    if len(ascii_name) > LONGEST_NAME:
        raise _build_length_error(name)
    return ascii_name


def _build_length_error(name: str) -> BadInput:
    what = f"{name[:40]!r}... is longer than {LONGEST_NAME} characters"
    return BadInput(what, code="hostname-too-long")


def _map_characters(name: str) -> str:
    """The name in lower case; Unicode variants of letters and dots become the plain ones."""
    if name.isascii():
        return name.lower()
    try:
        return idna.uts46_remap(name, std3_rules=False)
    except idna.IDNAError as error:
        raise _build_name_error(name, str(error)) from None


def _to_a_label(label: str, name: str) -> str:
    """The label as DNS carries it; `name` is the whole name, for the message."""
    try:
        label = label if label.isascii() else idna.alabel(label).decode()
    except idna.IDNAError as error:
        raise _build_name_error(name, str(error)) from None
    if len(label) > LONGEST_LABEL:
        raise BadInput(
            f"{name[:40]!r}... has a label longer than {LONGEST_LABEL} characters",
            code="hostname-too-long",
        )
    if not LABEL.fullmatch(label):
        raise _build_name_error(name, f"{label!r} cannot be a part of one")
    return label


def _build_name_error(name: str, reason: str) -> BadInput:
    return BadInput(
        f"{name!r} is not a domain name: {reason}",
        fix="Write it as in 'www.example.com' or '*.example.com'.",
        code="invalid-hostname",
    )


def to_canonical(name: str) -> str | None:
    """As `to_ascii`, but None if `name` is not a host name."""
    if len(name) <= LONGEST_NAME and CANONICAL.fullmatch(name):
        return name
    try:
        return to_ascii(name)
    except BadInput:
        return None


def is_wildcard(name: str) -> bool:
    """Whether `name`, in canonical form, stands for many hosts."""
    return name.startswith("*.")


def to_wildcard(host: str) -> str:
    """The only wildcard that can cover `host`: its first label replaced by "*"."""
    return f"*.{host.partition('.')[2]}"


def covers(pattern: str, host: str) -> bool:
    """Whether the certificate's name `pattern` covers `host`; False if either is not a host name.

    A wildcard stands for exactly one label, the leftmost. `host` may be a wildcard itself, since
    some services have resources for a wildcard: only the same wildcard covers it.
    """
    have, want = to_canonical(pattern), to_canonical(host)
    if have is None or want is None:
        return False
    return have == want or (not is_wildcard(want) and have == to_wildcard(want))


def covers_all(names: Iterable[str], hosts: Iterable[str]) -> bool:
    """Whether each host is covered by at least one name; False if there are no hosts."""
    have, wanted = list(names), list(hosts)
    return bool(wanted) and all(any(covers(name, host) for name in have) for host in wanted)


def explain_not_covered(names: Iterable[str], host: str) -> str:
    """Why no name covers `host`; shows the nearest miss. Call it only for a host not covered."""
    want = to_canonical(host)
    if want is None:
        return f"{host!r} is not a domain name"
    have = [name for name in map(to_canonical, names) if name is not None]
    for name in have:
        mismatch = classify_mismatch(name, want)
        if mismatch:
            return f"{name} does not cover {want}: {mismatch}"
    shown = ", ".join(have[:5]) + (f" and {len(have) - 5} more" if len(have) > 5 else "")
    return f"{want} is not among the certificate's names ({shown or 'it has none'})"


def classify_mismatch(name: str, host: str) -> NameMismatch | None:
    """Why `name` nearly covers `host`, both in canonical form; None if it is not even near."""
    if not is_wildcard(name):
        return NameMismatch.WILDCARD_HOST if host == f"*.{name}" else None
    base = name.removeprefix("*.")
    if host == base:
        return NameMismatch.BARE_DOMAIN
    return NameMismatch.SEVERAL_LABELS if host.endswith(f".{base}") else None


def to_probe_name(host: str) -> str:
    """A concrete host name for a handshake: in a wildcard, our own label replaces the "*"."""
    name = to_ascii(host)
    return f"{PROBE_LABEL}.{name.removeprefix('*.')}" if is_wildcard(name) else name
