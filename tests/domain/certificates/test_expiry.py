"""Which certificate is the successor of the one in service."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.certificates.expiry import OwnCertificate, SuccessorIndex

NOW = datetime(2026, 11, 24, tzinfo=UTC)
NAMES = ("www.example.com", "example.com")


def own(fingerprint: str, days: int = 90, **more: object) -> OwnCertificate:
    facts: dict[str, object] = {"name": fingerprint, "names": NAMES, "algorithm": "ec"}
    until = NOW + timedelta(days=days)
    return OwnCertificate.model_validate(
        {"fingerprint": fingerprint, "issuer": "CA", "not_after": until, **facts, **more}
    )


def find_name(
    *ours: OwnCertificate,
    fingerprint: str | None = "old",
    names: tuple[str, ...] = NAMES,
    algorithm: str | None = "ec",
    not_after: datetime | None = NOW,
) -> str | None:
    found = SuccessorIndex(ours).find_successor(fingerprint, names, algorithm, not_after)
    return found.name if found else None


def test_the_newest_in_a_line_of_successors_is_found() -> None:
    line = [own("new", replaces="old"), own("newer", 180, replaces="new"), own("old", 0)]
    assert find_name(*line) == "newer"
    assert find_name(*line, fingerprint="new") == "newer"
    assert find_name(own("short", -5, replaces="old", names=("other.example.com",))) == "short"


@pytest.mark.parametrize("fingerprint", ["old", None])
def test_without_a_link_it_is_the_last_to_expire_with_the_same_names(
    fingerprint: str | None,
) -> None:
    ours = [own("a", 30), own("b", 60), own("wider", 90, names=(*NAMES, "shop.example.com"))]
    assert find_name(*ours, fingerprint=fingerprint) == "b"
    assert find_name(*ours, fingerprint=fingerprint, names=tuple(reversed(NAMES))) == "b"


def test_a_certificate_that_is_not_a_plain_renewal_is_no_successor() -> None:
    new = own("new", 60)
    assert find_name(new) == "new"
    assert find_name(new, not_after=NOW + timedelta(days=60)) is None
    assert find_name(new, not_after=None) is None
    assert find_name(new, algorithm="rsa") is None
    assert find_name(new, names=("www.example.com",)) is None
    assert find_name(new, names=()) is None


def test_without_a_known_kind_of_key_the_names_decide() -> None:
    assert find_name(own("new"), algorithm=None) == "new"
