"""`certroll certificate` about successors: the policy, what is shown of a line, and the name."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import CommandLine
from tests.support.factory import CA, DAY, NOW
from tests.support.starter_examples import store_account

AUTHORITY = CA()


def upload(
    certroll: CommandLine, folder: Path, days: int, name: str, *words: str, code: int = 0
) -> Any:
    """One for shop.example.com that lasts so many days."""
    leaf = AUTHORITY.leaf(["shop.example.com"], not_after=NOW + days * DAY)
    path = folder / f"{days}.pem"
    if not path.exists():
        path.write_bytes(leaf.pem + leaf.key_pem)
    words = ("certificate", "upload", name, "--certificate", str(path), *words)
    return certroll.json(*words) if code == 0 else certroll.refusal(*words, code=code)


def day() -> str:
    leaf = AUTHORITY.leaf(["shop.example.com"])
    return f"{leaf.certificate.not_valid_before_utc:%Y-%m-%d}"


def test_a_line_is_shown_from_both_ends(certroll: CommandLine, tmp_path: Path) -> None:
    first = upload(certroll, tmp_path, 30, "shop")
    second = upload(certroll, tmp_path, 60, "shop", "--replaces", "auto")
    assert (first["name"], second["name"]) == ("shop", f"shop-{day()}")
    assert (first["replaces"], second["replaces"]) == (None, first["fingerprint"])
    shown = certroll.json("certificate", "show", "shop")
    assert shown["replaced_by"] == second["fingerprint"]
    text = certroll("certificate", "show", "shop").stdout
    assert f"replaced by  {second['name']} ({second['fingerprint'][:12]})\n" in text
    text = certroll("certificate", "show", second["name"]).stdout
    assert f"replaces    shop ({first['fingerprint'][:12]})\n" in text
    header, *rows = certroll("certificate", "list").stdout.splitlines()
    assert ("REPLACES" in header, "REPLACED BY" in header) == (True, True)
    assert rows[0].split()[-2:] == [second["name"], first["fingerprint"][:12]]
    certroll("certificate", "delete", "shop", "--yes")
    text = certroll("certificate", "show", second["name"]).stdout
    assert f"replaces    deleted ({first['fingerprint'][:12]})\n" in text
    assert certroll.json("certificate", "show", second["name"])["replaces"] == first["fingerprint"]


def test_without_successors_the_list_has_no_column_for_them(
    certroll: CommandLine, tmp_path: Path
) -> None:
    upload(certroll, tmp_path, 30, "shop")
    assert "REPLACE" not in certroll("certificate", "list").stdout


def test_the_very_same_upload_again_is_fine_and_says_so(
    certroll: CommandLine, tmp_path: Path
) -> None:
    upload(certroll, tmp_path, 30, "shop")
    once = upload(certroll, tmp_path, 60, "shop", "--replaces", "shop")
    again = upload(certroll, tmp_path, 60, "shop", "--replaces", "shop")
    assert (once.pop("stored_now"), again.pop("stored_now")) == (True, False)
    assert once == again
    assert len(certroll.json("certificate", "list")) == 2
    result = upload(certroll, tmp_path, 60, "mine", code=2)
    assert f"this certificate is already stored as 'shop-{day()}'" in result


def test_a_taken_name_tells_the_way(certroll: CommandLine, tmp_path: Path) -> None:
    upload(certroll, tmp_path, 30, "shop")
    result = upload(certroll, tmp_path, 60, "shop", code=2)
    assert "If this is its successor, add --replaces auto; else choose another name." in result


def test_a_manual_successor_is_shown_what_could_be_done(
    certroll: CommandLine, tmp_path: Path
) -> None:
    first = upload(certroll, tmp_path, 30, "shop")
    second = upload(certroll, tmp_path, 60, "other")
    assert second["renewal"]["predecessors"] == [first["fingerprint"]]
    words = ("--certificate", str(tmp_path / "60.pem"), "--policy", "manual")
    text = certroll("certificate", "upload", "other", *words).stdout
    assert "\n\nstored         earlier, as other\n" in text
    new, old = second["fingerprint"][:12], first["fingerprint"][:12]
    assert text.endswith(f"by hand        certroll plan create -c {new} --serving {old}\n")


def test_several_that_it_could_replace_are_shown(certroll: CommandLine, tmp_path: Path) -> None:
    upload(certroll, tmp_path, 30, "a")
    upload(certroll, tmp_path, 40, "b", "--replaces", "none")
    result = upload(certroll, tmp_path, 60, "c")
    assert (len(result["could_replace"]), result["replaces"]) == (2, None)
    result = upload(certroll, tmp_path, 70, "d", "--replaces", "auto", code=2)
    assert all(part in result for part in ("--replaces: 'd'", "3 certificates", "a ("))


def test_a_policy_is_set_shown_and_inherited(certroll: CommandLine, tmp_path: Path) -> None:
    store_account(certroll)
    upload(certroll, tmp_path, 30, "shop")
    assert certroll("certificate", "policy", "shop").stdout == (
        "shop: manual; rollback for 30 days\n"
    )
    with certroll.store() as store:
        store.contacts.add("ops", "mail", "ops@example.com")
    words = ("--contact", "ops", "--account", "main", "--service", "alibaba.cdn")
    result = certroll("certificate", "policy", "shop", "automatic", *words, "--rollback-days", "7")
    policy = "automatic; notifies ops; only in main; only alibaba.cdn; rollback for 7 days"
    assert result.stdout == f"shop: {policy}\n"
    assert f"policy      {policy}\n" in certroll("certificate", "show", "shop").stdout
    second = upload(certroll, tmp_path, 60, "shop", "--replaces", "auto", "--policy", "manual")
    assert (second["policy"]["mode"], second["policy"]["contacts"]) == ("manual", ["ops"])
    result = certroll.json("certificate", "policy", "shop", "propose")
    assert (result["name"], result["policy"]["mode"]) == (second["name"], "propose")
    assert result["policy"]["contacts"] == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("automatic", "--contact", "nobody"), "there is no contact 'nobody'"),
        (("automatic", "--account", "x"), "there is no account 'x'"),
        (("automatic", "--service", "alibaba.x"), "alibaba.x"),
        (("automatic", "--rollback-days", "366"), "Invalid value for '--rollback-days'"),
        (("often",), "'often' is not one of"),
        (("--service", "alibaba.cdn"), "no policy is given"),
    ],
)
def test_a_policy_that_could_not_be_followed_is_refused(
    words: tuple[str, ...], expected: str, certroll: CommandLine, tmp_path: Path
) -> None:
    upload(certroll, tmp_path, 30, "shop")
    assert expected in certroll.refusal("certificate", "policy", "shop", *words)
    assert certroll.json("certificate", "policy", "shop")["policy"]["mode"] == "manual"
