"""The methods that a connector inherits."""

import pytest

from domain.certificates.certificate import Certificate
from domain.certificates.keys import PrivateKey
from domain.resources.connector import get_no_rate_limit
from domain.resources.resource import Binding, CertificateRef
from tests.support.plain_connector import NoSettings, Plain, build_plain
from tests.support.stored_examples import NEW, build_resource


def test_by_default_it_locks_nothing_warns_of_nothing_and_releases_nothing() -> None:
    connector = build_plain()
    assert connector.get_lock_key(build_resource()) is None
    assert connector.list_warnings(build_resource(), None) == ()
    connector.remove_former(build_resource(), None, None)


def test_a_former_certificate_without_a_reference_cannot_be_restored() -> None:
    connector = build_plain()
    ref = CertificateRef(store="plain", fields={})
    assert connector.explain_not_reversible(build_resource(), None) is None
    assert (
        connector.explain_not_reversible(build_resource(), Binding(fingerprint=NEW, ref=ref))
        is None
    )
    assert connector.explain_not_reversible(build_resource(), Binding(fingerprint=NEW)) is not None


def test_reading_the_vault_of_a_connector_without_one_is_a_programming_error() -> None:
    with pytest.raises(RuntimeError, match="Plain"):
        _ = build_plain().vault


def test_a_connector_returns_the_vault_that_it_was_built_with() -> None:
    class Empty:
        def holds(self, fingerprint: str) -> bool:
            return False

        def open(self, fingerprint: str) -> tuple[Certificate, PrivateKey]:
            raise KeyError(fingerprint)

    vault = Empty()
    assert Plain("main", NoSettings(), vault).vault is vault


def test_its_traits_are_plain_data() -> None:
    traits = Plain.get_traits("some.plain")
    assert (traits.service, traits.scenarios) == ("some.plain", Plain.scenarios)
    assert traits.algorithms == Plain.algorithms


def test_without_a_rate_limit_no_call_waits() -> None:
    rate_limit = get_no_rate_limit("some.plain", 0.001)
    rate_limit.pause(1000)
    rate_limit.wait()
