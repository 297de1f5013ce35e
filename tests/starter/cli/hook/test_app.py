"""`certroll hook` with what each client hands over: accepted, refused, reported; no engine."""

from pathlib import Path
from typing import Any

import pytest

from domain.certificates.renewal import RenewalMode, RenewalPolicy, RenewalSettings
from tests.support.acme_files import (
    CLIENTS,
    HOST,
    HOSTS,
    Given,
    write_acme_sh_files,
    write_certbot_files,
    write_lego_4_files,
)
from tests.support.command_line import CommandLine
from tests.support.factory import CA, DAY, NOW, Leaf
from tests.support.starter_examples import store_account, store_resources

AUTHORITY = CA()
NAMES = {
    "certbot 5.8": HOST,
    "acme.sh 3.1": f"{HOST}_ecc",
    "lego 4.9": HOST,
    "lego 5.3": HOST,
}
NEEDED = {
    "certbot 5.8": ("RENEWED_LINEAGE", "RENEWED_DOMAINS"),
    "acme.sh 3.1": ("Le_Domain", "CERT_PATH", "CERT_KEY_PATH"),
    "lego 4.9": ("LEGO_CERT_DOMAIN", "LEGO_CERT_PATH", "LEGO_CERT_KEY_PATH"),
    "lego 5.3": ("LEGO_HOOK_CERT_NAME", "LEGO_HOOK_CERT_KEY_PATH"),
}


def issued(days: int, hosts: tuple[str, ...] = HOSTS, **more: Any) -> Leaf:
    return AUTHORITY.leaf(hosts, not_after=NOW + days * DAY, **more)


def check_silence(text: str, *leaves: Leaf) -> None:
    for leaf in leaves:
        secret = [line for line in leaf.key_pem.decode().splitlines() if line[0] != "-"]
        assert not any(line in text for line in secret)


@pytest.fixture(autouse=True)
def _no_client_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RENEWED_LINEAGE", "RENEWED_DOMAINS", "CERT_PATH", "LEGO_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_renewal_is_stored_as_the_successor_and_nothing_more_is_claimed(
    client: str, certroll: CommandLine, tmp_path: Path
) -> None:
    word, files = CLIENTS[client]
    first, second, name = issued(30), issued(60), NAMES[client]
    output = certroll("hook", word, env=files(tmp_path, first)).stdout
    assert output.splitlines()[0].startswith(
        f"stored         {name} ({first.fingerprint[:12]}), expires "
    )
    assert output.splitlines()[-1] == "not renewed    it replaces no other certificate"
    result = certroll("hook", word, env=files(tmp_path, second))
    output = result.stdout
    day = f"{second.certificate.not_valid_before_utc:%Y-%m-%d}"
    assert f"stored         {name}-{day} ({second.fingerprint[:12]}), expires " in output
    assert f"replaces       {name} ({first.fingerprint[:12]})\n" in output
    assert "policy         manual; rollback for 30 days\n" in output
    assert "served by      0 resources, as of the last sync\n" in output
    by_hand = (
        f"certroll plan create -c {second.fingerprint[:12]} --serving {first.fingerprint[:12]}"
    )
    assert f"by hand        {by_hand}\n" in output
    assert not any(word in output for word in ("succeeded", "deployed", "task"))
    check_silence(result.output, first, second)
    with certroll.store() as store:
        assert store.certificates.get_key(second.fingerprint).pem() == second.key_pem
        assert store.certificates.get_predecessors() == {second.fingerprint: first.fingerprint}


@pytest.mark.parametrize("client", CLIENTS)
def test_the_same_call_again_changes_nothing(
    client: str, certroll: CommandLine, tmp_path: Path
) -> None:
    word, files = CLIENTS[client]
    certroll("hook", word, env=files(tmp_path, issued(30)))
    given = files(tmp_path, issued(60))
    once = certroll.json("hook", word, env=given)
    again = certroll.json("hook", word, env=given)
    assert (once.pop("stored_now"), again.pop("stored_now")) == (True, False)
    assert once == again
    assert len(certroll.json("certificate", "list")) == 2


@pytest.mark.parametrize(
    ("client", "variable"), [(client, each) for client, needed in NEEDED.items() for each in needed]
)
def test_a_missing_variable_tells_who_must_call_and_how(
    client: str, variable: str, certroll: CommandLine, tmp_path: Path
) -> None:
    word, files = CLIENTS[client]
    given = files(tmp_path, issued(30))
    for empty in ({**given, variable: ""}, {k: v for k, v in given.items() if k != variable}):
        result = certroll.refusal("hook", word, env=empty)
        assert result.startswith(
            f"hook {word}: {variable} is not set; {word} sets it for its hooks"
        )
        assert f"certroll hook {word}'" in result
    assert certroll.json("certificate", "list") == []


def test_without_any_variable_each_client_is_shown_its_own_way(certroll: CommandLine) -> None:
    assert certroll.error("hook", "certbot")["code"] == "missing-variable"
    assert certroll.error("hook", "acme.sh")["code"] == "missing-variable"
    result = certroll.refusal("hook", "lego")
    assert "--renew-hook 'certroll hook lego' (version 4)" in result
    assert "--deploy-hook 'certroll hook lego' (version 5)" in result
    assert "'dehydrated' is not one of" in certroll.refusal("hook", "dehydrated")


def test_files_that_are_not_for_the_renewed_hosts_are_refused(
    certroll: CommandLine, tmp_path: Path
) -> None:
    given = write_certbot_files(tmp_path, issued(30))
    result = certroll.refusal(
        "hook", "certbot", env={**given, "RENEWED_DOMAINS": "other.example.com"}
    )
    assert "fullchain.pem: the certificate is not for other.example.com, which the client" in result
    (Path(given["RENEWED_LINEAGE"]) / "privkey.pem").unlink()
    result = certroll.refusal("hook", "certbot", env=given)
    assert "privkey.pem: the file cannot be read: No such file" in result
    assert certroll.json("certificate", "list") == []


def test_a_key_of_another_certificate_is_refused_without_showing_it(
    certroll: CommandLine, tmp_path: Path
) -> None:
    leaf, other = issued(30), issued(60)
    given = write_lego_4_files(tmp_path, leaf)
    Path(given["LEGO_CERT_KEY_PATH"]).write_bytes(other.key_pem)
    result = certroll.refusal("hook", "lego", env=given)
    assert "the private key does not match" in result
    check_silence(result, leaf, other)


def test_lego_without_bundle_and_acme_sh_without_full_chain_give_the_issuer_apart(
    certroll: CommandLine, tmp_path: Path
) -> None:
    leaf = issued(30)
    given = write_lego_4_files(tmp_path, leaf)
    Path(given["LEGO_CERT_PATH"]).write_bytes(leaf.leaf_pem)
    assert len(certroll.json("hook", "lego", env=given)["chain"]) == 2
    given = write_acme_sh_files(tmp_path, leaf := issued(60))
    given.pop("CERT_FULLCHAIN_PATH")
    assert len(certroll.json("hook", "acme.sh", env=given)["chain"]) == 2
    given.pop("CA_CERT_PATH")
    assert certroll.error("hook", "acme.sh", env=given)["code"] == "missing-variable"


def test_wildcards_addresses_and_international_names_are_recognised(
    certroll: CommandLine, tmp_path: Path
) -> None:
    hosts = ("*.example.com", "example.com")
    for word, files in (("acme.sh", write_acme_sh_files), ("lego", write_lego_4_files)):
        result = certroll.json(
            "hook", word, "--name", word, env=files(tmp_path, issued(9, hosts), hosts)
        )
        assert result["names"] == ["*.example.com", "example.com"]
    result = certroll.json(
        "hook", "lego", env=write_lego_4_files(tmp_path, issued(9, hosts, algorithm="rsa"), hosts)
    )
    assert result["name"] == "_.example.com"
    idn = write_acme_sh_files(tmp_path, issued(9, ("xn--bcher-kva.example",)), ("bücher.example",))
    assert certroll.json("hook", "acme.sh", env=idn)["name"] == "bücher.example_ecc"


def test_rsa_and_ec_for_one_host_are_lines_of_their_own_in_acme_sh(
    certroll: CommandLine, tmp_path: Path
) -> None:
    for days in (30, 60):
        for algorithm in ("rsa", "ec"):
            certroll(
                "hook",
                "acme.sh",
                env=write_acme_sh_files(tmp_path, issued(days, algorithm=algorithm)),
            )
    listed = certroll.json("certificate", "list")
    day = f"{issued(30).certificate.not_valid_before_utc:%Y-%m-%d}"
    both = (HOST, f"{HOST}_ecc")
    assert {each["name"] for each in listed} == {*both, *(f"{name}-{day}" for name in both)}
    former = {each["fingerprint"]: each["algorithm"] for each in listed}
    pairs = [(each["algorithm"], former[each["replaces"]]) for each in listed if each["replaces"]]
    assert sorted(pairs) == [("ec", "ec"), ("rsa", "rsa")]


def test_another_kind_of_key_and_lost_names_are_shown(
    certroll: CommandLine, tmp_path: Path
) -> None:
    certroll("hook", "certbot", env=write_certbot_files(tmp_path, issued(60, algorithm="rsa")))
    given = write_certbot_files(tmp_path, issued(30, HOSTS[:1]), HOSTS[:1])
    result = certroll("hook", "certbot", env=given).stdout
    assert "key            rsa before, ec now\n" in result
    assert "expires        earlier than the certificate it replaces (" in result
    assert f"names lost     {HOSTS[1]}\n" in result


def test_the_name_and_the_predecessor_may_be_given(certroll: CommandLine, tmp_path: Path) -> None:
    certroll("hook", "certbot", "--name", "front", env=write_certbot_files(tmp_path, issued(30)))
    result = certroll.json("hook", "certbot", env=write_certbot_files(tmp_path, issued(60)))
    assert (result["name"], result["renewal"]["mode"]) == (HOST, "manual")
    assert result["replaces"] == certroll.json("certificate", "show", "front")["fingerprint"]
    given = write_certbot_files(tmp_path, issued(90))
    assert (
        certroll.error("hook", "certbot", "--replaces", "nothing", env=given)["code"]
        == "unknown-certificate"
    )
    result = certroll.json("hook", "certbot", "--replaces", "none", "--name", "x", env=given)
    assert (result["replaces"], result["name"]) == (None, "x")


@pytest.mark.parametrize("words", [("--timeout", "soon"), ("--name", ""), ("--policy", "often")])
def test_wrong_words_are_refused(
    words: tuple[str, ...], certroll: CommandLine, tmp_path: Path
) -> None:
    certroll.refusal("hook", "certbot", *words, env=write_certbot_files(tmp_path, issued(30)))
    assert certroll.json("certificate", "list") == []


def with_policy(certroll: CommandLine, given: Given, policy: RenewalPolicy) -> None:
    """The first certificate, with a policy that its successors inherit."""
    fingerprint = certroll.json("hook", "certbot", env=given)["fingerprint"]
    with certroll.store() as store:
        store.certificates.set_renewal(fingerprint, RenewalSettings(policy=policy))


def test_an_automatic_one_that_nothing_serves_is_shown_plainly_and_is_no_error(
    certroll: CommandLine, tmp_path: Path
) -> None:
    store_account(certroll)
    store_resources(certroll)
    with_policy(
        certroll,
        write_certbot_files(tmp_path, issued(30)),
        RenewalPolicy(mode=RenewalMode.AUTOMATIC),
    )
    result = certroll(
        "hook", "certbot", "--wait", env=write_certbot_files(tmp_path, issued(60))
    ).stdout
    assert result.splitlines()[-2:] == [
        "policy         automatic; rollback for 30 days",
        "not renewed    no resource serves what it replaces, as far as the inventory knows",
    ]
