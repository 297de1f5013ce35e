"""SM2 pairs on the command line: stored sealed with both keys, and refused where they cannot go."""

from pathlib import Path

import pytest

from tests.factory import CA, pfx
from tests.house import House
from tests.sm2_factory import Sm2Authority, may_encrypt
from tests.starter.command_line import CommandLine
from tests.starter.commands.uploads import Refused

HOST = "a.example.com"
ISSUER = Sm2Authority.root().sub()
SIGN, ENCRYPT = ISSUER.leaf([HOST]), ISSUER.leaf([HOST], key_usage=may_encrypt())
OTHER = ISSUER.leaf(["b.example.com"], key_usage=may_encrypt())
PAIR = {
    "certificate": SIGN.pem,
    "key": SIGN.key_pem,
    "encrypt-certificate": ENCRYPT.pem,
    "encrypt-key": ENCRYPT.key_pem,
    "chain": ISSUER.pem,
}


def upload(folder: Path, *left_out: str, **changed: bytes) -> list[str]:
    """The words of an upload of the pair, but for what is left out or changed."""
    files = PAIR | {option.replace("_", "-"): content for option, content in changed.items()}
    kept = {option: content for option, content in files.items() if option not in left_out}
    return ["certificate", "upload", *Refused("", kept).arguments(folder)]


def secrets() -> list[str]:
    """Each line of both keys that holds more than their common beginning."""
    lines = [key.decode().splitlines()[1:-1] for key in (SIGN.key_pem, ENCRYPT.key_pem)]
    return [*lines[0], *lines[1]]


def test_a_pair_is_stored_with_both_keys_sealed(certroll: CommandLine, tmp_path: Path) -> None:
    told = certroll(*upload(tmp_path)).stdout
    assert "key            sm2 256 bits\n" in told
    facts = certroll.json("certificate", "show", "main")
    assert f"encrypts with  SHA-256 {facts['encrypt_fingerprint']}\n" in told
    assert facts["encrypt_pem"] == ENCRYPT.pem.decode()
    assert facts["chain"] == [f"CN={HOST}", "CN=SM CA"]
    assert "sm2 256" in certroll("certificate", "list").stdout
    with certroll.store() as store:
        pair = store.certificates.key(facts["fingerprint"]).pair()
    assert pair == (SIGN.key_pem, ENCRYPT.key_pem)
    kept = b"".join(path.read_bytes() for path in certroll.home.glob("certroll.db*"))
    for secret in secrets():
        assert secret not in told
        assert secret.encode() not in kept


@pytest.mark.parametrize(
    ("left_out", "told"),
    [
        (("certificate",), "no certificate is given. Give its file by --certificate"),
        (("key",), "certificate.pem: no private key is given. Give the key's file by --key."),
        (("encrypt-key",), "encrypt-certificate.pem: no private key is given. Give the key's file"),
        (("encrypt-certificate",), "encrypt-key.pem: the key of an encryption certificate is"),
        (("encrypt-certificate", "encrypt-key"), "made for SM2, whose certificates come in pairs"),
        (("chain",), "'CN=a.example.com' was issued by 'CN=SM CA', whose certificate is missing"),
    ],
)
def test_a_pair_that_lacks_a_part_is_refused(
    left_out: tuple[str, ...], told: str, certroll: CommandLine, tmp_path: Path
) -> None:
    message = certroll.refusal(*upload(tmp_path, *left_out))
    assert told in message
    assert not any(secret in message for secret in secrets())
    assert certroll.json("certificate", "list") == []


def test_what_does_not_fit_together_is_refused(certroll: CommandLine, tmp_path: Path) -> None:
    for changed, told in (
        ({"key": OTHER.key_pem}, f"{tmp_path}/key.pem: the private key does not match"),
        ({"encrypt_key": OTHER.key_pem}, f"{tmp_path}/encrypt-key.pem: the private key does not"),
        ({"encrypt_certificate": OTHER.pem}, "'CN=b.example.com' is for other names than"),
        ({"pfx": pfx(CA().leaf())}, "--pfx: is everything in one file"),
    ):
        assert told in certroll.refusal(*upload(tmp_path, **changed))
    assert certroll.json("certificate", "list") == []


def test_a_plan_says_why_no_domain_gets_it(house: House, tmp_path: Path) -> None:
    house.domains(HOST)
    certroll = CommandLine(house.settings.home)
    certroll(*upload(tmp_path))
    told = certroll.json("plan", "--certificate", "main", "--resource", HOST, code=2)
    assert [refusal["rule"] for refusal in told["refusals"]] == ["algorithm"]
    assert "could be neither verified nor taken back" in told["refusals"][0]["reason"]
    assert told["changes"] == []
    assert not any("Upload" in call for call in house.cloud.calls())
