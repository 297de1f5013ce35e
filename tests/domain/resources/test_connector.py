"""What every connector has without saying so."""

import pytest

from domain.certificates.certificate import Certificate
from domain.certificates.keys import PrivateKey
from domain.resources.connector import unpaced
from domain.resources.resource import Binding, CertificateRef
from tests.domain.plain import NoSettings, Plain, plain
from tests.support.stored_examples import NEW, resource


def test_it_locks_nothing_warns_of_nothing_and_has_nothing_to_release() -> None:
    connector = plain()
    assert connector.lock_key(resource()) is None
    assert connector.warnings(resource(), None) == ()
    connector.release(resource(), None, None)


def test_a_former_certificate_without_a_reference_cannot_be_restored() -> None:
    connector = plain()
    ref = CertificateRef(store="plain", fields={})
    assert connector.not_reversible(resource(), None) is None
    assert connector.not_reversible(resource(), Binding(fingerprint=NEW, ref=ref)) is None
    reason = connector.not_reversible(resource(), Binding(fingerprint=NEW))
    assert reason is not None
    assert "does not tell" in reason


def test_a_vault_that_was_not_handed_in_is_a_mistake_of_ours() -> None:
    with pytest.raises(RuntimeError, match="Plain was made without a vault"):
        _ = plain().vault


def test_a_vault_that_was_handed_in_is_there() -> None:
    class Empty:
        def holds(self, fingerprint: str) -> bool:
            return False

        def open(self, fingerprint: str) -> tuple[Certificate, PrivateKey]:
            raise KeyError(fingerprint)

    vault = Empty()
    assert Plain("main", NoSettings(), vault).vault is vault


def test_its_rules_are_plain_data() -> None:
    traits = Plain.traits("some.plain")
    assert (traits.service, traits.scenarios) == ("some.plain", Plain.scenarios)
    assert traits.algorithms == Plain.algorithms


def test_without_a_pace_nothing_is_waited_for() -> None:
    pace = unpaced("some.plain", 0.001)
    pace.hold(1000)
    pace.wait()
