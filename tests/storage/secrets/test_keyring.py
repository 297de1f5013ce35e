"""Key-encryption keys are made private, read strictly and never shown."""

import base64
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr

from domain.errors import BadInput
from storage.secrets import keyring
from storage.secrets.keyring import Keyring
from storage.settings import Settings
from tests.support.refusals import has_code

KEY = base64.b64encode(bytes(range(32))).decode()


def test_the_first_use_makes_a_key_file_that_only_the_owner_reads(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        made = Keyring.load(Settings(home=tmp_path / "home"))
    finally:
        os.umask(old)
    path = tmp_path / "home" / "kek"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]
    again = Keyring.load(Settings(home=tmp_path / "home"))
    assert again.ids == made.ids
    assert again.find(made.current) == made.find(made.current)


def test_many_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with ThreadPoolExecutor(8) as pool:
        rings = list(pool.map(lambda _: Keyring.load(settings), range(16)))
    assert len({ring.current for ring in rings}) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["kek"]


def test_a_key_file_that_others_may_read_is_refused_with_the_command_to_run(tmp_path: Path) -> None:
    path = tmp_path / "kek"
    path.write_text(f"a:{KEY}\n")
    path.chmod(0o640)
    with pytest.raises(BadInput, check=has_code("key-file-not-private", f"chmod 600 {path}")):
        Keyring.load(Settings(home=tmp_path))
    path.chmod(0o600)
    assert Keyring.load(Settings(home=tmp_path)).ids == ("a",)


def test_a_configured_key_file_is_never_created(tmp_path: Path) -> None:
    path = tmp_path / "elsewhere"
    with pytest.raises(BadInput, check=has_code("key-file-unusable", where=str(path))):
        Keyring.load(Settings(home=tmp_path, kek_file=path))
    assert not path.exists()


def test_the_first_line_is_current_and_comments_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"# the new one\nnew:{KEY}\n\nold:{KEY}\n")
    path.chmod(0o600)
    ring = Keyring.load(Settings(home=tmp_path, kek_file=path))
    assert ring.current == "new"
    assert ring.ids == ("new", "old")
    assert ring.find("other") is None


def test_the_variable_wins_over_the_file(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, kek=SecretStr(f"a:{KEY},b:{KEY}"))
    assert Keyring.load(settings).ids == ("a", "b")
    assert not (tmp_path / "kek").exists()


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("", ""),
        (KEY, "1"),
        (f"a b:{KEY}", "1"),
        (f"a:{KEY},a:{KEY}", " a "),
        (f"a:{KEY}x", " a "),
        (f"a:{KEY[:-4]}", "30"),
    ],
)
def test_an_ill_formed_key_is_refused_without_being_repeated(text: str, data: str) -> None:
    with pytest.raises(BadInput, check=has_code("invalid-kek", data)) as refused:
        Keyring.load(Settings(home=Path("/nowhere"), kek=SecretStr(text)))
    assert refused.value.where == "CERTROLL_KEK"
    assert KEY[:20] not in str(refused.value)


def test_a_keyring_shows_ids_only() -> None:
    line = keyring.generate_key_line()
    ring = Keyring(keyring.parse_keys([line], "here"))
    assert repr(ring) == f"Keyring({line.partition(':')[0]})"
