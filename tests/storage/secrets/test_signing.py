"""The key that signs reports: one for all that ask at once, and under the current KEK."""

from concurrent.futures import ThreadPoolExecutor

from storage.secrets.signing import ReportSigner, is_valid_signature
from storage.store import Store


def test_of_many_that_ask_at_once_all_get_the_same_key(store: Store) -> None:
    def asked(_: int) -> str:
        return ReportSigner(store.database, store.vault).get_public_key()

    with ThreadPoolExecutor(8) as askers:
        keys = set(askers.map(asked, range(16)))
    assert keys == {store.signing.get_public_key()}


def test_what_is_signed_is_signed_with_that_key_alone(store: Store) -> None:
    signature = store.signing.sign(b"text")
    assert is_valid_signature(b"text", signature, store.signing.get_public_key())
    assert not is_valid_signature(b"texT", signature, store.signing.get_public_key())
    assert not is_valid_signature(b"text", signature, "ab" * 32)
    assert not is_valid_signature(b"text", signature, "no key")
