"""`certroll database` and `certroll vault`: the schema and the key-encryption keys."""

from pathlib import Path

from storage.secrets.keyring import generate_key_line
from tests.support.command_line import CommandLine
from tests.support.starter_examples import SECRET, store_account, store_certificate


def test_a_rotation_encrypts_all_secrets_with_the_new_key(certroll: CommandLine) -> None:
    store_account(certroll)
    certificate = store_certificate(certroll)
    path = certroll.home / "kek"
    former, fresh = path.read_text(), generate_key_line() + "\n"
    assert certroll("vault", "rotate").stdout.startswith("0 secrets")
    path.write_text(fresh + former)
    assert certroll.json("vault", "rotate") == {"rotated": 2}
    path.write_text(fresh)
    with certroll.store() as store:
        assert store.accounts.get_secrets("main") == {"access_key_secret": SECRET}
        assert b"PRIVATE KEY" in store.certificates.get_key(certificate.fingerprint).pem()


def test_a_missing_key_is_named_by_its_id(certroll: CommandLine) -> None:
    store_account(certroll)
    path = certroll.home / "kek"
    missing = path.read_text().partition(":")[0]
    path.write_text(generate_key_line() + "\n")
    error = certroll.error("vault", "rotate")
    assert error["code"] == "missing-kek"
    assert missing in error["what"]


def test_migrate_creates_the_schema_and_may_run_again(tmp_path: Path) -> None:
    certroll = CommandLine(tmp_path / "home", {"CERTROLL_DATABASE_URL": f"sqlite:///{tmp_path}/d"})
    assert certroll.error("quota", "show")["code"] == "schema-too-old"
    assert certroll.json("database", "migrate")["current"] is True
    assert certroll("database", "migrate").stdout.endswith("/d is up to date.\n")
    assert certroll.json("quota", "show")["balance"] == 0


def test_an_unreachable_database_is_reported_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://certroll:geheim@127.0.0.1:1/certroll"
    certroll = CommandLine(tmp_path / "home", {"CERTROLL_DATABASE_URL": url})
    error = certroll.error("database", "migrate")
    assert error["code"] == "database-unusable"
    assert "geheim" not in str(error)
