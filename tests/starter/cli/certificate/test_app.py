"""`certroll certificate`: proper uploads are stored sealed, all others refused without a trace."""

import sqlite3
from pathlib import Path

import pytest

from domain.certificates.certificate import Source
from starter.cli.certificate import app
from tests.starter.cli.certificate.uploads import (
    CA_1,
    CASES,
    DEEP,
    LEAF,
    LOW,
    MIDDLE,
    PASSPHRASE,
    ROOT,
)
from tests.support.command_line import CommandLine, run_on_terminal
from tests.support.factory import build_pfx, encrypt_key
from tests.support.starter_examples import store_task


def written(folder: Path, **files: bytes) -> list[str]:
    """Options for files with these contents."""
    words: list[str] = []
    for option, content in files.items():
        (folder / f"{option}.pem").write_bytes(content)
        words += [f"--{option.replace('_', '-')}", str(folder / f"{option}.pem")]
    return words


def content_of(home: Path) -> bytes:
    """Everything that was kept, but the key that seals it."""
    return b"".join(path.read_bytes() for path in sorted(home.glob("certroll.db*")))


def check_silence(text: str) -> None:
    """No part of the key, in clear or encrypted, and no passphrase."""
    secret = [line for line in LEAF.key_pem.decode().splitlines() if not line.startswith("-")]
    assert not any(line in text for line in [*secret, PASSPHRASE, "falsch", "PRIVATE KEY-----"])


@pytest.mark.parametrize("case", CASES)
def test_it_is_refused_with_a_clear_message_and_nothing_is_stored(
    case: str, certroll: CommandLine, tmp_path: Path
) -> None:
    refused, before = CASES[case](), content_of(certroll.home)
    result = certroll.refusal("certificate", "upload", *refused.arguments(tmp_path))
    assert refused.what.format(folder=tmp_path) in result
    check_silence(result)
    assert content_of(certroll.home) == before
    assert certroll.json("certificate", "list") == []


def test_a_name_and_a_certificate_are_taken_once(certroll: CommandLine, tmp_path: Path) -> None:
    words = written(tmp_path, certificate=LEAF.pem, key=LEAF.key_pem)
    certroll("certificate", "upload", "main", *words)
    result = certroll.refusal("certificate", "upload", "second", *words)
    assert result == (
        "second: this certificate is already stored as 'main'. Use that one, or delete it first."
    )
    other = CA_1.leaf(["other.example.com"])
    words = written(tmp_path, certificate=other.pem, key=other.key_pem)
    result = certroll.refusal("certificate", "upload", "main", *words)
    assert "the name 'main'" in result
    assert [each["name"] for each in certroll.json("certificate", "list")] == ["main"]


def test_every_fact_is_shown_and_the_key_is_sealed(certroll: CommandLine, tmp_path: Path) -> None:
    words = written(tmp_path, certificate=LEAF.leaf_pem, chain=LEAF.chain_pem, key=LEAF.key_pem)
    result = certroll("certificate", "upload", "main", *words).stdout
    assert result == certroll("certificate", "show", "main").stdout
    facts = dict(line.split(maxsplit=1) for line in result.splitlines() if line[0] != " ")
    assert facts["names"] == "www.example.com"
    assert facts["key"] == "ec 256 bits"
    assert facts["source"] == "uploaded"
    assert facts["expires"].endswith("(89 days left)")
    assert facts["SHA-256"] == LEAF.fingerprint
    assert len(facts["SHA-1"]) == 40
    assert result.endswith("CN=www.example.com\n             CN=certroll practice CA 1\n") or (
        "CN=certroll practice CA 1" in result.splitlines()[-1]
    )
    check_silence(result)
    assert LEAF.key_pem not in content_of(certroll.home)
    with certroll.store() as store:
        assert store.certificates.get_key(LEAF.fingerprint).pem() == LEAF.key_pem


def test_a_chain_in_any_order_and_in_two_files_is_put_in_order(
    certroll: CommandLine, tmp_path: Path
) -> None:
    words = written(
        tmp_path, certificate=MIDDLE.pem + DEEP.leaf_pem, chain=ROOT.pem + LOW.pem, key=DEEP.key_pem
    )
    facts = certroll.json("certificate", "upload", "deep", *words)
    assert facts["chain"] == ["CN=www.example.com", "CN=Low", "CN=Middle"]
    assert facts["days_left"] in (89, 90)


def test_everything_may_be_in_one_file(certroll: CommandLine, tmp_path: Path) -> None:
    words = written(tmp_path, certificate=LEAF.key_pem + LEAF.pem)
    facts = certroll.json("certificate", "upload", "one", *words, "--source", "official")
    assert (facts["fingerprint"], facts["source"]) == (LEAF.fingerprint, "official")


@pytest.mark.parametrize("form", ["pem", "pfx"])
@pytest.mark.parametrize("way", ["file", "environment"])
def test_a_passphrase_comes_from_a_file_or_the_environment(
    form: str, way: str, certroll: CommandLine, tmp_path: Path
) -> None:
    if form == "pem":
        words = written(tmp_path, certificate=LEAF.pem, key=encrypt_key(LEAF, PASSPHRASE))
    else:
        words = written(tmp_path, pfx=build_pfx(LEAF, PASSPHRASE))
    env = {"CERTROLL_PASSPHRASE": PASSPHRASE}
    if way == "file":
        words += written(tmp_path, passphrase_file=f"{PASSPHRASE}\r\n".encode())
        env = {"CERTROLL_PASSPHRASE": "falsch"}
    result = certroll("certificate", "upload", "main", *words, env=env)
    check_silence(result.output)
    with certroll.store() as store:
        assert store.certificates.get_key(LEAF.fingerprint).pem() == LEAF.key_pem


@pytest.mark.parametrize("form", ["pem", "pfx"])
def test_a_person_is_asked_for_the_passphrase_which_is_not_shown(
    form: str, certroll: CommandLine, tmp_path: Path
) -> None:
    words = ["certificate", "upload", "main"]
    if form == "pem":
        words += written(tmp_path, certificate=LEAF.pem, key=encrypt_key(LEAF, PASSPHRASE))
    else:
        words += written(tmp_path, pfx=build_pfx(LEAF, PASSPHRASE))
    code, screen = run_on_terminal(certroll.home, words, answers=[PASSPHRASE])
    assert code == 0
    assert "Passphrase of " in screen
    assert LEAF.fingerprint in screen.replace("\n", "")
    check_silence(screen)


def test_one_is_found_by_name_and_by_the_beginning_of_its_fingerprint(
    certroll: CommandLine, tmp_path: Path
) -> None:
    words = written(tmp_path, certificate=LEAF.pem, key=LEAF.key_pem)
    certroll("certificate", "upload", "main", *words)
    for which in ("main", LEAF.fingerprint, LEAF.fingerprint[:8]):
        assert certroll.json("certificate", "show", which)["name"] == "main"
    result = certroll.refusal("certificate", "show", "mainn")
    assert result == "there is no certificate 'mainn'. Did you mean main?"
    row = certroll("certificate", "list").stdout.splitlines()[1]
    assert row.split()[:5] == ["main", "www.example.com", "ec", "256", "uploaded"]
    assert row.endswith(LEAF.fingerprint[:12])


def test_one_that_is_deleted_is_gone_with_its_key(certroll: CommandLine, tmp_path: Path) -> None:
    words = written(tmp_path, certificate=LEAF.pem, key=LEAF.key_pem)
    certroll("certificate", "upload", "main", *words)
    result = certroll.json("certificate", "delete", "main", "--yes")
    assert result == {"deleted": LEAF.fingerprint, "name": "main"}
    with sqlite3.connect(certroll.home / "certroll.db") as database:
        assert database.execute("SELECT count(*) FROM certificate").fetchone() == (0,)
    database.close()
    assert "No certificates yet" in certroll("certificate", "list").stderr


def test_one_that_a_task_may_still_need_is_kept(certroll: CommandLine) -> None:
    store_task(certroll)
    result = certroll.refusal("certificate", "delete", "main", "--yes")
    assert "certificate 'main'" in result
    assert "task 'autumn'" in result
    assert "Delete the task first: certroll task delete 20261124-1a2b3c" in result


def test_every_source_can_be_named() -> None:
    annotation = app.upload.__annotations__["source"]
    assert {each.value for each in Source} == set(annotation.__origin__.__args__)
