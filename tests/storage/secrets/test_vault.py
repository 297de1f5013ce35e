"""The vault opens what it sealed, for the same record and with the same key only."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadInput
from storage.secrets.keyring import Keyring
from storage.secrets.vault import Vault, VaultError
from tests.support.refusals import has_code

OLD, NEW = os.urandom(32), os.urandom(32)
VAULT = Vault(Keyring({"old": OLD}))
ROTATED = Vault(Keyring({"new": NEW, "old": OLD}))


@given(st.binary(max_size=5000), st.text(max_size=100))
def test_a_sealed_secret_opens(secret: bytes, identity: str) -> None:
    assert VAULT.open(VAULT.seal(secret, identity), identity) == secret


@given(st.binary(min_size=8, max_size=200))
def test_a_blob_holds_no_plaintext_and_no_two_are_alike(secret: bytes) -> None:
    blob = VAULT.seal(secret, "row")
    assert secret not in blob
    assert blob != VAULT.seal(secret, "row")


def test_a_blob_that_was_moved_to_another_row_does_not_open() -> None:
    blob = VAULT.seal(b"secret", "certificate/a")
    with pytest.raises(VaultError, check=has_code("damaged-record", "certificate/b")):
        VAULT.open(blob, "certificate/b")
    with pytest.raises(VaultError):
        VAULT.rewrap(blob, "certificate/b")


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_any_damaged_byte_is_noticed(place: int, difference: int) -> None:
    blob = bytearray(VAULT.seal(b"secret", "row"))
    blob[place % len(blob)] ^= difference
    with pytest.raises(VaultError):
        VAULT.open(bytes(blob), "row")


@given(st.binary(max_size=120))
def test_bytes_that_are_no_blob_are_refused(blob: bytes) -> None:
    with pytest.raises(VaultError):
        VAULT.open(blob, "row")


def test_every_truncation_is_noticed() -> None:
    blob = VAULT.seal(b"secret", "row")
    for length in range(len(blob)):
        with pytest.raises(VaultError):
            VAULT.open(blob[:length], "row")


def test_a_missing_key_is_named() -> None:
    blob = VAULT.seal(b"secret", "account/main")
    with pytest.raises(VaultError, check=has_code("missing-kek", "account/main", "old")) as refused:
        Vault(Keyring({"new": NEW})).open(blob, "account/main")
    assert not isinstance(refused.value, BadInput)
    assert "secret" not in str(refused.value)


def test_another_key_of_the_same_id_does_not_open() -> None:
    with pytest.raises(VaultError, check=has_code("damaged-record")):
        Vault(Keyring({"old": NEW})).open(VAULT.seal(b"secret", "row"), "row")


def test_rotation_moves_a_blob_under_the_current_key() -> None:
    blob = VAULT.seal(b"secret", "row")
    assert ROTATED.kek_id(blob) == "old"
    moved = ROTATED.rewrap(blob, "row")
    assert ROTATED.kek_id(moved) == "new"
    assert Vault(Keyring({"new": NEW})).open(moved, "row") == b"secret"
    with pytest.raises(VaultError):
        VAULT.open(moved, "row")
