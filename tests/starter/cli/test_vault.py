"""`certroll vault`: after a rotation the former key opens nothing and may be thrown away."""

from storage.secrets.keyring import new_line
from tests.starter.command_line import CommandLine
from tests.starter.examples import SECRET, store_account, store_certificate


def test_a_rotation_brings_all_secrets_under_the_new_key(certroll: CommandLine) -> None:
    store_account(certroll)
    certificate = store_certificate(certroll)
    path = certroll.home / "kek"
    former, fresh = path.read_text(), new_line() + "\n"
    assert certroll("vault", "rotate").stdout.startswith("0 secrets")
    path.write_text(fresh + former)
    assert certroll.json("vault", "rotate") == {"moved": 2}
    path.write_text(fresh)
    with certroll.store() as store:
        assert store.accounts.secrets("main") == {"access_key_secret": SECRET}
        assert b"PRIVATE KEY" in store.certificates.key(certificate.fingerprint).pem()


def test_a_key_that_is_missing_is_named_by_its_id(certroll: CommandLine) -> None:
    store_account(certroll)
    path = certroll.home / "kek"
    missing = path.read_text().partition(":")[0]
    path.write_text(new_line() + "\n")
    assert missing in certroll.refusal("vault", "rotate")
