"""Which resources a wish is about, by tags and names and by what they serve now. Pure."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from fnmatch import translate

from domain.certificates.hostnames import LONGEST_NAME, to_canonical
from domain.errors import BadInput
from domain.plans.request import PlanRequest
from domain.resources.resource import Binding, Resource

LONGEST = 256
_MAGIC = re.compile(r"[*?\[\]]")

Test = Callable[[str], object]


class Filters:
    """The filters of one wish, made ready to be asked many times.

    Raises BadInput for a tag without a key, for a pattern that is none, and for a time without a
    zone.
    """

    def __init__(self, wish: PlanRequest) -> None:
        self._tags = [_tag(each) for each in wish.tags]
        self._globs = [_glob(each, "--host") for each in wish.globs]
        self._issuers = [_issuer(each) for each in wish.issuers]
        self._before, self._serving = wish.expiring_before, frozenset(wish.serving)
        _check_zone(wish.expiring_before)

    def place(self, resource: Resource, tags: Mapping[str, str]) -> str | None:
        """Why this resource is left out, whatever it serves; None where it is not."""
        for key, value in self._tags:
            if key not in tags or value not in (None, tags[key]):
                return f"it has no tag {key if value is None else f'{key}={value}'}"
        if self._globs and not any(
            test(name) for test in self._globs for name in (*resource.domains, resource.key.lower())
        ):
            return "no pattern fits its names"
        return None

    def served(self, binding: Binding | None) -> str | None:
        """Why a resource that serves this is left out; None where it is not."""
        if self._serving and (binding is None or binding.fingerprint not in self._serving):
            return "it serves another certificate"
        issuer = (binding.issuer if binding else None) or ""
        if self._issuers and not any(test(issuer) for test in self._issuers):
            return f"what it serves was issued by {issuer or 'nobody known'}"
        until = binding.not_after if binding else None
        if self._before and (until is None or until >= self._before):
            return f"it serves until {f'{until:%Y-%m-%d %H:%M} UTC' if until else 'nobody knows'}"
        return None


def split_tag(tag: str) -> tuple[str, str | None]:
    """A tag "key=value" or "key" in its parts; without a value any one is meant."""
    key, is_there, value = tag.partition("=")
    return key, value if is_there else None


def _tag(tag: str) -> tuple[str, str | None]:
    key, value = split_tag(tag)
    if not key.strip() or key != key.strip() or len(tag) > LONGEST:
        raise BadInput(f"{tag[:LONGEST]!r} is no tag", where="--tag", fix="Give KEY=VALUE or KEY.")
    return key, value


def _glob(text: str, where: str) -> Test:
    """A pattern as in file names, over the form in which names are compared."""
    labels = [_label(label) for label in text.strip().removesuffix(".").split(".")]
    if "" in labels or None in labels or len(text) > LONGEST_NAME or _unclosed(text):
        raise BadInput(
            f"{text[:LONGEST]!r} is no pattern for names",
            where=where,
            fix="Write it as in '*.shop.example.com' or 'api-*'.",
        )
    return re.compile(translate(".".join(filter(None, labels)))).match


def _label(label: str) -> str | None:
    """One part of a pattern; what is no plain ASCII must be a whole label of a domain name."""
    if label.isascii():
        return None if any(c.isspace() or not c.isprintable() for c in label) else label.lower()
    return None if _MAGIC.search(label) else to_canonical(label)


def _unclosed(text: str) -> bool:
    return re.sub(r"\[[^\]]+\]", "", text).count("[") > 0


def _issuer(text: str) -> Test:
    """A part of the common name, or with "*" or "?" a pattern for all of it; in any case."""
    wanted = text.strip().casefold()
    if not wanted or len(wanted) > LONGEST:
        raise BadInput(
            "an issuer without a name", where="--issuer", fix="Give a part of its common name."
        )
    if not re.search(r"[*?]", wanted):
        return lambda issuer: wanted in issuer.casefold()
    pattern = re.compile(translate(wanted))
    return lambda issuer: pattern.match(issuer.casefold())


def _check_zone(when: datetime | None) -> None:
    if when is not None and when.utcoffset() is None:
        raise BadInput(
            f"{when.isoformat()} has no zone",
            where="--expiring-before",
            fix="Write it in RFC 3339.",
        )
