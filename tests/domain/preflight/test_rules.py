"""Preflight checks that need only certificates, changes and the inventory."""

from datetime import timedelta

import pytest

from domain.certificates.certificate import Certificate, parse_pem
from domain.certificates.keys import PrivateKey
from domain.plans.plan import Change
from domain.preflight.finding import Finding
from domain.preflight.rules import check_changes, check_key, check_states, check_stores, check_times
from domain.resources.resource import Binding, Resource
from tests.support.factory import DAY, NOW, Authority, Leaf
from tests.support.sm2_factory import Sm2Authority, build_pair

LEAST = 7 * DAY
MANAGED = "aa" * 32


def list_checks(findings: list[Finding]) -> list[str]:
    return [each.check for each in findings]


def stored(leaf: Leaf) -> tuple[Certificate, PrivateKey]:
    return parse_pem(
        "shop", certificate=leaf.leaf_pem, chain=leaf.chain_pem, key=leaf.key_pem, now=NOW
    )


def made(**leaf: object) -> Certificate:
    return stored(Authority.root().sub("Issuing").leaf(["a.example.com"], **leaf))[0]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("after", "check"),
    [
        (-2 * DAY, "C01"),
        (90 * DAY, "C01"),
        (85 * DAY, "C02"),
        (timedelta(), None),
        (83 * DAY, None),
    ],
)
def test_a_leaf_must_be_valid_when_the_task_begins_and_for_a_while_after(
    after: timedelta, check: str | None
) -> None:
    found = check_times(made(), NOW + after, LEAST)
    assert list_checks(found) == ([check] if check else [])


def test_an_intermediate_that_ends_before_its_leaf_or_has_ended_is_found() -> None:
    authority = Authority.root().sub("Short", not_after=NOW + 30 * DAY)
    certificate, _ = stored(authority.leaf(["a.example.com"]))
    (found,) = check_times(certificate, NOW, LEAST)
    assert (found.check, found.certificate) == ("C05", certificate.fingerprint)
    assert "'CN=Short'" in found.what
    assert list_checks(check_times(certificate, NOW + 40 * DAY, LEAST)) == ["C04"]


def test_a_key_of_another_certificate_is_found_and_never_in_the_text() -> None:
    root = Authority.root().sub("Issuing")
    certificate, key = stored(root.leaf(["a.example.com"]))
    _, other = stored(root.leaf(["a.example.com"]))
    assert check_key(certificate, key) == []
    (found,) = check_key(certificate, other)
    assert (found.check, found.certificate) == ("C03", certificate.fingerprint)
    (broken,) = check_key(certificate, PrivateKey(key.pem()[:60]))
    assert broken.check == "C03"
    secret = key.pem().decode().splitlines()[1]
    assert secret[:10] not in f"{found} {broken}"


def test_both_keys_of_an_sm2_pair_must_be_its_own() -> None:
    issuer = Sm2Authority.root().sub()
    one, other = (build_pair("sm", "www.example.com", issuer=issuer) for _ in range(2))
    assert check_key(one.certificate, one.secret) == []
    signs, _ = one.secret.split_pair()
    _, decrypts = other.secret.split_pair()
    mixed = PrivateKey(signs + decrypts)
    assert list_checks(check_key(one.certificate, mixed)) == ["C03"]


def change(
    key: str, before: Binding | None, after: Binding | None = None, **more: object
) -> Change:
    fields = {"account": "main", "service": "alibaba.cdn", "key": key, **more}
    return Change(
        resource=Resource.model_validate(fields),
        before=before,
        after=after or Binding(fingerprint="bb" * 32),
        store="alibaba.cas/cn",
    )


def test_the_same_difference_of_many_resources_is_one_finding() -> None:
    before = Binding(fingerprint=MANAGED, algorithm="rsa", issuer="R3")
    after = Binding(fingerprint="bb" * 32, algorithm="ec", issuer="E5")
    found = check_changes([change(f"n{n}", before, after) for n in range(5)], {MANAGED})
    assert list_checks(found) == ["C10", "C11"]
    assert found[0].what.endswith("rsa to ec")
    assert found[1].what.endswith("R3 to E5")
    assert (
        found[0].subject == "main/alibaba.cdn/n0, main/alibaba.cdn/n1, main/alibaba.cdn/n2 "
        "and 2 more"
    )
    assert found[0].resources is not None
    assert len(found[0].resources) == 5


def test_names_that_clients_lose_are_named() -> None:
    before = Binding(fingerprint=MANAGED, names=("a.example.com", "b.example.com"))
    after = Binding(fingerprint="bb" * 32, names=("a.example.com",))
    (found,) = check_changes([change("a", before, after)], {MANAGED})
    assert found.check == "C09"
    assert found.what.endswith(": b.example.com")


def test_a_served_certificate_that_is_not_stored_here_is_found() -> None:
    unmanaged, unnamed = Binding(fingerprint="cc" * 32), Binding(name="old")
    changes = [change("a", unmanaged), change("b", unnamed), change("c", None)]
    changes += [change("d", Binding(fingerprint=MANAGED))]
    found = check_changes(changes, {MANAGED})
    assert list_checks(found) == ["C12", "C12"]
    assert [each.resources for each in found] == [
        ("main/alibaba.cdn/a",),
        ("main/alibaba.cdn/b",),
    ]


def test_a_certificate_must_go_where_its_resource_binds_from() -> None:
    changes = [change("a", None), change("b", None, region="us")]
    found = check_stores(changes, lambda one: f"alibaba.cas/{one.resource.region}")
    assert list_checks(found) == ["C16", "C16"]
    assert "alibaba.cas/us" in found[1].what
    assert check_stores(changes, lambda one: "alibaba.cas/cn") == []


def test_a_vanished_resource_and_a_busy_one_are_found() -> None:
    changes = [change(key, None) for key in ("gone", "unknown", "busy", "fine")]
    ids = [each.resource.id for each in changes]
    found = check_states(changes, {ids[0]: None, ids[2]: "configuring", ids[3]: "online"})
    assert [(each.check, each.code, each.resources) for each in found] == [
        ("C18", "gone", (ids[0],)),
        ("C18", "gone", (ids[1],)),
        ("C19", "not-ready", (ids[2],)),
    ]
    assert "configuring" in found[2].what
