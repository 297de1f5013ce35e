"""Decides which resources the filters of a plan request leave out. Pure.

Called by matching, and by the planner once it has read bindings.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from fnmatch import translate

from domain.certificates.hostnames import LONGEST_NAME, to_canonical
from domain.errors import BadInput
from domain.plans.request import PlanRequest
from domain.resources.resource import Binding, Resource

MAX_LENGTH = 256
_MAGIC = re.compile(r"[*?\[\]]")

Predicate = Callable[[str], object]


class Filters:
    """The filters of one plan request, compiled once for all resources.

    Raises BadInput for a tag without a key, an invalid pattern, and a time without a zone.
    """

    def __init__(self, request: PlanRequest) -> None:
        self._tags = [_parse_tag(each) for each in request.tags]
        self._globs = [_compile_glob(each, "--host") for each in request.globs]
        self._issuers = [_compile_issuer(each) for each in request.issuers]
        self._before, self._serving = request.expiring_before, frozenset(request.serving)
        _check_zone(request.expiring_before)

    def explain_resource_left_out(self, resource: Resource, tags: Mapping[str, str]) -> str | None:
        """Why tags or names leave this resource out; None if they do not."""
        for key, value in self._tags:
            if key not in tags or value not in (None, tags[key]):
                return f"it has no tag {key if value is None else f'{key}={value}'}"
        if self._globs and not any(
            test(name) for test in self._globs for name in (*resource.domains, resource.key.lower())
        ):
            return "no pattern matches its names"
        return None

    def explain_binding_left_out(self, binding: Binding | None) -> str | None:
        """Why a resource with this binding is left out; None if it is not."""
        if self._serving and (binding is None or binding.fingerprint not in self._serving):
            return "it serves another certificate"
        issuer = (binding.issuer if binding else None) or ""
        if self._issuers and not any(test(issuer) for test in self._issuers):
            return f"its certificate was issued by {issuer or 'an unknown issuer'}"
        until = binding.not_after if binding else None
        if self._before and (until is None or until >= self._before):
            when = f"{until:%Y-%m-%d %H:%M} UTC" if until else "an unknown time"
            return f"its certificate expires at {when}"
        return None


def split_tag(tag: str) -> tuple[str, str | None]:
    """Splits "key=value" or "key"; None stands for any value."""
    key, has_value, value = tag.partition("=")
    return key, value if has_value else None


def _parse_tag(tag: str) -> tuple[str, str | None]:
    key, value = split_tag(tag)
    if not key.strip() or key != key.strip() or len(tag) > MAX_LENGTH:
        raise BadInput(
            f"{tag[:MAX_LENGTH]!r} is not a tag",
            where="--tag",
            code="invalid-tag",
            fix="Give KEY=VALUE or KEY.",
        )
    return key, value


def _compile_glob(text: str, where: str) -> Predicate:
    """A pattern as in file names; it compares names in their canonical form."""
    labels = [_to_pattern_label(label) for label in text.strip().removesuffix(".").split(".")]
    if "" in labels or None in labels or len(text) > LONGEST_NAME or _has_open_bracket(text):
        raise BadInput(
            f"{text[:MAX_LENGTH]!r} is not a pattern for names",
            where=where,
            code="invalid-pattern",
            fix="Write it as in '*.shop.example.com' or 'api-*'.",
        )
    return re.compile(translate(".".join(filter(None, labels)))).match


def _to_pattern_label(label: str) -> str | None:
    """One part of a pattern; a part that is not ASCII must be a whole label of a domain name."""
    if label.isascii():
        return None if any(c.isspace() or not c.isprintable() for c in label) else label.lower()
    return None if _MAGIC.search(label) else to_canonical(label)


def _has_open_bracket(text: str) -> bool:
    return re.sub(r"\[[^\]]+\]", "", text).count("[") > 0


def _compile_issuer(text: str) -> Predicate:
    """A part of the common name, or with "*" or "?" a pattern for all of it; ignores case."""
    part = text.strip().casefold()
    if not part or len(part) > MAX_LENGTH:
        raise BadInput(
            "an issuer filter is empty or too long",
            where="--issuer",
            code="invalid-issuer",
            fix="Give a part of the issuer's common name.",
        )
    if not re.search(r"[*?]", part):
        return lambda issuer: part in issuer.casefold()
    pattern = re.compile(translate(part))
    return lambda issuer: pattern.match(issuer.casefold())


def _check_zone(when: datetime | None) -> None:
    if when is not None and when.utcoffset() is None:
        raise BadInput(
            f"{when.isoformat()} has no time zone",
            where="--expiring-before",
            code="no-time-zone",
            fix="Write it in RFC 3339.",
        )
