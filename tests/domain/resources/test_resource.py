"""Bindings compared: fingerprints first, then references."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.resources.resource import (
    Binding,
    CertificateRef,
    Resource,
    describe_binding,
    is_same_binding,
)
from tests.support.stored_examples import NEW, NOW, OLD, build_resource


def ref(number: str = "1") -> CertificateRef:
    return CertificateRef(store="alibaba.cas/cn", fields={"cert_id": number})


bindings = st.builds(
    Binding,
    fingerprint=st.none() | st.sampled_from([NEW, OLD]),
    ref=st.none() | st.sampled_from([ref("1"), ref("2")]),
    name=st.none() | st.just("shop"),
)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (None, None, True),
        (None, Binding(fingerprint=NEW), False),
        (Binding(fingerprint=NEW), None, False),
        (Binding(fingerprint=NEW, ref=ref("1")), Binding(fingerprint=NEW, ref=ref("2")), True),
        (Binding(fingerprint=NEW, ref=ref()), Binding(fingerprint=OLD, ref=ref()), False),
        (Binding(ref=ref()), Binding(fingerprint=NEW, ref=ref()), True),
        (Binding(ref=ref("1")), Binding(ref=ref("2")), False),
        (Binding(name="shop"), Binding(fingerprint=NEW), False),
        (Binding(name="shop"), Binding(name="shop", algorithm="ec", issuer="R10"), True),
        (Binding(fingerprint=NEW), Binding(ref=ref()), False),
    ],
)
def test_fingerprints_then_references_then_other_fields_decide(
    one: Binding | None, other: Binding | None, expected: bool
) -> None:
    assert is_same_binding(one, other) is expected


@given(st.none() | bindings, st.none() | bindings)
def test_the_order_of_the_bindings_does_not_matter(
    one: Binding | None, other: Binding | None
) -> None:
    assert is_same_binding(one, other) is is_same_binding(other, one)


@given(st.none() | bindings)
def test_every_binding_is_the_same_as_itself(binding: Binding | None) -> None:
    assert is_same_binding(binding, binding)


@pytest.mark.parametrize(
    ("binding", "text"),
    [
        (None, "no certificate"),
        (Binding(fingerprint=NEW, name="shop"), NEW[:12]),
        (Binding(name="shop"), "shop"),
        (Binding(name="the certificate of the shop"), "the certificate of the shop"),
        (Binding(not_after=NOW + timedelta(days=1)), "an unnamed certificate"),
    ],
)
def test_a_binding_is_described_by_fingerprint_or_name(binding: Binding | None, text: str) -> None:
    assert describe_binding(binding) == text


def test_the_id_of_a_resource_is_account_service_and_key() -> None:
    assert build_resource(7).id == "main/alibaba.cdn/host7.example.com"
    slot = Resource(account="a", service="alibaba.alb", key="cn-hangzhou/lsn-1/default")
    assert slot.id == "a/alibaba.alb/cn-hangzhou/lsn-1/default"
