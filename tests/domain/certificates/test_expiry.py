"""Which certificate stands ready for what is served."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.certificates.expiry import Held, Successors

NOW = datetime(2026, 11, 24, tzinfo=UTC)
NAMES = ("www.example.com", "example.com")


def held(fingerprint: str, days: int = 90, **more: object) -> Held:
    facts: dict[str, object] = {"name": fingerprint, "names": NAMES, "algorithm": "ec"}
    until = NOW + timedelta(days=days)
    return Held.model_validate(
        {"fingerprint": fingerprint, "issuer": "CA", "not_after": until, **facts, **more}
    )


def ready(
    *ours: Held,
    fingerprint: str | None = "old",
    names: tuple[str, ...] = NAMES,
    algorithm: str | None = "ec",
    not_after: datetime | None = NOW,
) -> str | None:
    found = Successors(ours).of(fingerprint, names, algorithm, not_after)
    return found.name if found else None


def test_the_newest_of_a_line_of_successors_stands_ready() -> None:
    line = [held("new", replaces="old"), held("newer", 180, replaces="new"), held("old", 0)]
    assert ready(*line) == "newer"
    assert ready(*line, fingerprint="new") == "newer"
    assert ready(held("short", -5, replaces="old", names=("other.example.com",))) == "short"


@pytest.mark.parametrize("fingerprint", ["old", None])
def test_without_one_it_is_the_last_to_expire_of_the_same_names(fingerprint: str | None) -> None:
    ours = [held("a", 30), held("b", 60), held("wider", 90, names=(*NAMES, "shop.example.com"))]
    assert ready(*ours, fingerprint=fingerprint) == "b"
    assert ready(*ours, fingerprint=fingerprint, names=tuple(reversed(NAMES))) == "b"


def test_what_is_no_plain_renewal_does_not_stand_ready() -> None:
    new = held("new", 60)
    assert ready(new) == "new"
    assert ready(new, not_after=NOW + timedelta(days=60)) is None
    assert ready(new, not_after=None) is None
    assert ready(new, algorithm="rsa") is None
    assert ready(new, names=("www.example.com",)) is None
    assert ready(new, names=()) is None


def test_a_service_that_does_not_tell_the_kind_of_key_is_taken_at_its_names() -> None:
    assert ready(held("new"), algorithm=None) == "new"
