"""The store opens only what it can use, and rotates all that it has sealed."""

import base64
import os
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import make_url

from domain.errors import BadInput
from storage.secrets.vault import VaultError
from storage.settings import Settings
from storage.store import DatabaseUnavailable, Store
from tests.storage.certificates.test_certificates import KEY
from tests.support.refusals import has_code
from tests.support.stored_examples import NEW, OLD, build_account, build_certificate

OLD_KEK = "old:" + base64.b64encode(os.urandom(32)).decode()
NEW_KEK = "new:" + base64.b64encode(os.urandom(32)).decode()


def test_a_schema_that_is_missing_is_named_with_the_command_to_run(
    empty_database_url: str, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path, database_url=SecretStr(empty_database_url))
    with pytest.raises(
        BadInput, check=has_code("schema-too-old", "0001", "certroll database migrate")
    ):
        Store.open(settings)
    Store.open(settings, migrate=True).close()
    Store.open(settings).close()


def test_a_server_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    url = SecretStr("postgresql://me:hidden-word@127.0.0.1:1/x")
    with pytest.raises(BadInput, check=has_code("database-unusable")) as refused:
        Store.open(Settings(home=tmp_path, database_url=url))
    assert refused.value.where == "postgresql+psycopg://me:***@127.0.0.1:1/x"
    assert "hidden-word" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "certroll.db").write_text("something else entirely, and long enough to tell" * 9)
    with pytest.raises(BadInput, check=has_code("database-unusable", "file is not a database")):
        Store.open(Settings(home=tmp_path))


def test_a_home_that_cannot_be_created_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, check=has_code("key-file-unusable")):
        Store.open(Settings(home=tmp_path / "file" / "home"), migrate=True)
    kek = SecretStr(OLD_KEK)
    with pytest.raises(BadInput, check=has_code("database-unusable")):
        Store.open(Settings(home=tmp_path / "file" / "home", kek=kek), migrate=True)


def with_keys(settings: Settings, *keks: str) -> Store:
    return Store.open(settings.model_copy(update={"kek": SecretStr(",".join(keks))}))


def test_after_a_rotation_the_former_key_is_not_needed(settings: Settings) -> None:
    with with_keys(settings, OLD_KEK) as store:
        store.certificates.add(build_certificate(), KEY)
        store.accounts.add(build_account(), {"secret": "word"})
        store.contacts.add("ops", "mail", "a@b")
        signature = store.signing.sign(b"report")
    with with_keys(settings, NEW_KEK, OLD_KEK) as store:
        store.certificates.add(build_certificate("second", OLD), KEY)
        assert store.rotate_keys() == 4
        assert store.rotate_keys() == 0
    with with_keys(settings, NEW_KEK) as store:
        assert store.certificates.get_key(NEW).pem() == KEY.pem()
        assert store.certificates.get_key(OLD).pem() == KEY.pem()
        assert store.accounts.get_secrets("main") == {"secret": "word"}
        assert store.contacts.get_address("ops") == "a@b"
        assert store.signing.sign(b"report") == signature


def test_a_rotation_without_the_former_key_changes_nothing(settings: Settings) -> None:
    with with_keys(settings, OLD_KEK) as store:
        store.certificates.add(build_certificate(), KEY)
    with with_keys(settings, NEW_KEK) as store:
        with pytest.raises(VaultError, check=has_code("missing-kek", "old")):
            store.rotate_keys()
        with pytest.raises(VaultError, check=has_code("missing-kek", "old")):
            store.certificates.get_key(NEW)
        assert store.certificates.get(NEW) == build_certificate()
    with with_keys(settings, OLD_KEK) as store:
        assert store.certificates.get_key(NEW).pem() == KEY.pem()


def test_after_a_rotation_no_file_holds_what_the_former_key_opens(
    sqlite_url: str, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path / "home", database_url=SecretStr(sqlite_url))
    with with_keys(settings, OLD_KEK) as store:
        store.accounts.add(build_account(), {"secret": "word"})
        assert b"\x01\x03old" in _files(tmp_path / "home")
    with with_keys(settings, NEW_KEK, OLD_KEK) as store:
        store.rotate_keys()
        assert b"\x01\x03old" not in _files(tmp_path / "home")


def _files(home: Path) -> bytes:
    return b"".join(path.read_bytes() for path in home.iterdir())


def test_a_server_that_does_not_answer_may_come_back_and_a_wrong_url_will_not(
    tmp_path: Path, empty_postgresql_url: str
) -> None:
    away = SecretStr("postgresql://me@127.0.0.1:1/x")
    with pytest.raises(DatabaseUnavailable):
        Store.open(Settings(home=tmp_path, database_url=away))
    base = make_url(empty_postgresql_url).set(database="no_such_database")
    wrong = SecretStr(base.render_as_string(hide_password=False))
    with pytest.raises(BadInput, check=has_code("database-unusable")) as refused:
        Store.open(Settings(home=tmp_path, database_url=wrong))
    assert not isinstance(refused.value, DatabaseUnavailable)
