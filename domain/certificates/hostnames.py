"""Names of hosts, and which of them a certificate's names cover (RFC 9525, IDNA as A-labels)."""

import re
from collections.abc import Iterable

import idna

from domain.errors import BadInput

LONGEST_NAME, LONGEST_LABEL = 253, 63
TOO_LONG = f"{{!r}}... is longer than {LONGEST_NAME} characters"
PROBE_LABEL = "certroll-probe"

# Underscores are no part of host names, but services do take them ("_dmarc", "my_app").
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?")

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
CANONICAL = re.compile(rf"(?:\*\.(?=[^.]+\.))?(?:{_LABEL}\.)*(?![0-9]+\Z){_LABEL}")
"""What `to_ascii` gives back as it is, but for its length: most names, found out in one look."""


def to_ascii(name: str) -> str:
    """The one form in which names are compared: A-labels, lower case, no dot at the end.

    A wildcard keeps its "*." and needs at least two labels after it. Raises BadInput for whatever
    is no host name: an IP address, an empty label, ".example.com", "f*.example.com".
    """
    if len(name) > LONGEST_NAME + 1:
        raise BadInput(TOO_LONG.format(name[:40]))
    text = _mapped(name).removesuffix(".")
    rest = text.removeprefix("*.")
    labels = [_a_label(label, name) for label in rest.split(".")]
    if labels[-1].isdigit():
        raise BadInput(f"{name!r} is an IP address or a number", fix="Give the name of a host.")
    if rest != text and len(labels) < 2:
        raise BadInput(
            f"the wildcard {name!r} is too broad",
            fix="After '*.' there must be at least two labels, as in '*.example.com'.",
        )
    ascii_name = ("*." if rest != text else "") + ".".join(labels)
    if len(ascii_name) > LONGEST_NAME:
        raise BadInput(TOO_LONG.format(name[:40]))
    return ascii_name


def _mapped(name: str) -> str:
    """Lower case, and Unicode's look-alikes of letters and dots made one."""
    if name.isascii():
        return name.lower()
    try:
        return idna.uts46_remap(name, std3_rules=False)
    except idna.IDNAError as wrong:
        raise BadInput(f"{name!r} is not a domain name: {wrong}") from None


def _a_label(label: str, name: str) -> str:
    """`label` as it travels in DNS; `name` is only for the message."""
    try:
        label = label if label.isascii() else idna.alabel(label).decode()
    except idna.IDNAError as wrong:
        raise BadInput(f"{name!r} is not a domain name: {wrong}") from None
    if len(label) > LONGEST_LABEL:
        raise BadInput(f"{name[:40]!r}... has a label longer than {LONGEST_LABEL} characters")
    if not LABEL.fullmatch(label):
        raise BadInput(
            f"{name!r} is not a domain name: {label!r} cannot be a part of one",
            fix="Write it as in 'www.example.com' or '*.example.com'.",
        )
    return label


def canonical(name: str) -> str | None:
    """`to_ascii`, or None where `name` is no host name."""
    if len(name) <= LONGEST_NAME and CANONICAL.fullmatch(name):
        return name
    try:
        return to_ascii(name)
    except BadInput:
        return None


def is_wildcard(name: str) -> bool:
    """Whether `name`, in canonical form, stands for many hosts."""
    return name.startswith("*.")


def wildcard_over(host: str) -> str:
    """The only wildcard that can cover `host`: its first label replaced by "*"."""
    return f"*.{host.partition('.')[2]}"


def covers(pattern: str, host: str) -> bool:
    """Whether a certificate's name `pattern` covers `host`; False where either is no name.

    A wildcard stands for exactly one label, the leftmost. `host` may be a wildcard itself, as a
    service's own resource may be: only the same wildcard covers that.
    """
    have, want = canonical(pattern), canonical(host)
    if have is None or want is None:
        return False
    return have == want or (not is_wildcard(want) and have == wildcard_over(want))


def covers_all(names: Iterable[str], hosts: Iterable[str]) -> bool:
    """Whether every one of `hosts` is covered by some of `names`; False if there are no hosts."""
    have, wanted = list(names), list(hosts)
    return bool(wanted) and all(any(covers(name, host) for name in have) for host in wanted)


def why_not(names: Iterable[str], host: str) -> str:
    """Why none of `names` covers `host`, naming the nearest miss; only for hosts not covered."""
    want = canonical(host)
    if want is None:
        return f"{host!r} is not a domain name"
    have = [name for name in map(canonical, names) if name is not None]
    for name in have:
        miss = _near_miss(name, want)
        if miss:
            return f"{name} does not cover {want}: {miss}"
    shown = ", ".join(have[:5]) + (f" and {len(have) - 5} more" if len(have) > 5 else "")
    return f"{want} is not among the certificate's names ({shown or 'it has none'})"


def _near_miss(name: str, host: str) -> str | None:
    if not is_wildcard(name):
        return f"only *.{name} covers a wildcard" if host == f"*.{name}" else None
    base = name.removeprefix("*.")
    if host == base:
        return "a wildcard does not cover the bare domain"
    if host.endswith(f".{base}"):
        return "a wildcard stands for exactly one label"
    return None


def probe_name(host: str) -> str:
    """A concrete host to ask for in a handshake: a wildcard gets a label of our own."""
    name = to_ascii(host)
    return f"{PROBE_LABEL}.{name.removeprefix('*.')}" if is_wildcard(name) else name
