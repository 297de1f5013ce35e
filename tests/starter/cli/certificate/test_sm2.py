"""SM2 pairs on the command line: stored sealed with both keys, and refused where they cannot go."""

import asyncio
import json
import re
from pathlib import Path

import pytest
from temporalio.client import Client

from tests.starter.cli.certificate.uploads import Refused
from tests.support.command_line import CommandLine
from tests.support.factory import CA, build_pfx
from tests.support.sm2_factory import Sm2Authority, build_encryption_key_usage
from tests.support.sm2_stack import Sm2Stack, sm2_stack
from tests.support.stack import Stack

__all__ = ["sm2_stack"]

HOST = "a.example.com"
ISSUER = Sm2Authority.root().sub()
SIGN, ENCRYPT = ISSUER.leaf([HOST]), ISSUER.leaf([HOST], key_usage=build_encryption_key_usage())
OTHER = ISSUER.leaf(["b.example.com"], key_usage=build_encryption_key_usage())
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
    result = certroll(*upload(tmp_path)).stdout
    assert "key            sm2 256 bits\n" in result
    facts = certroll.json("certificate", "show", "main")
    assert f"encrypts with  SHA-256 {facts['encrypt_fingerprint']}\n" in result
    assert facts["encrypt_pem"] == ENCRYPT.pem.decode()
    assert facts["chain"] == [f"CN={HOST}", "CN=SM CA"]
    assert "sm2 256" in certroll("certificate", "list").stdout
    with certroll.store() as store:
        pair = store.certificates.get_key(facts["fingerprint"]).split_pair()
    assert pair == (SIGN.key_pem, ENCRYPT.key_pem)
    kept = b"".join(path.read_bytes() for path in certroll.home.glob("certroll.db*"))
    for secret in secrets():
        assert secret not in result
        assert secret.encode() not in kept


@pytest.mark.parametrize(
    ("left_out", "expected"),
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
    left_out: tuple[str, ...], expected: str, certroll: CommandLine, tmp_path: Path
) -> None:
    message = certroll.refusal(*upload(tmp_path, *left_out))
    assert expected in message
    assert not any(secret in message for secret in secrets())
    assert certroll.json("certificate", "list") == []


def test_what_does_not_fit_together_is_refused(certroll: CommandLine, tmp_path: Path) -> None:
    for changed, result in (
        ({"key": OTHER.key_pem}, f"{tmp_path}/key.pem: the private key does not match"),
        ({"encrypt_key": OTHER.key_pem}, f"{tmp_path}/encrypt-key.pem: the private key does not"),
        ({"encrypt_certificate": OTHER.pem}, "'CN=b.example.com' is for other names than"),
        (
            {"pfx": build_pfx(CA().leaf())},
            "--pfx: a PFX file holds certificate, chain and key together",
        ),
    ):
        assert result in certroll.refusal(*upload(tmp_path, **changed))
    assert certroll.json("certificate", "list") == []


def test_a_plan_says_where_a_pair_goes_and_where_not(sm2_stack: Sm2Stack, tmp_path: Path) -> None:
    stack = sm2_stack
    stack.seed_domains_of("cdn", HOST)
    certroll = CommandLine(stack.settings.home)
    certroll(*upload(tmp_path))
    result = certroll.json("plan", "create", "-c", "main", "--resource", HOST, code=2)
    assert [refusal["code"] for refusal in result["refusals"]] == ["slot"]
    assert f"{HOST}/sm" in result["refusals"][0]["reason"]
    words = ("plan", "create", "-c", "main", "--resource", f"{HOST}/sm")
    result = certroll.json(*words)
    (change,) = result["changes"]
    assert (change["verifiable"], change["reversible"]) == (False, False)
    assert result["totals_by_service"]["alibaba.cdn"]["unverifiable"] == 1
    text = certroll(*words).stdout
    assert "not known" in text
    assert "HTTPS off" not in text
    assert re.search(rf"^no undo .*{HOST}/sm$", text, re.MULTILINE)
    assert "SM2 pairs are served by TLCP" in text
    assert "1 change, quota 1, 1 not reversible, 1 not verifiable" in text
    assert not any("Upload" in call for call in stack.cloud.count_calls())


def test_a_service_that_takes_no_pair_says_why(stack: Stack, tmp_path: Path) -> None:
    stack.seed_domains(HOST)
    certroll = CommandLine(stack.settings.home)
    certroll(*upload(tmp_path))
    result = certroll.json("plan", "create", "-c", "main", "--all-matched", code=2)
    (refusal,) = result["refusals"]
    assert refusal["code"] == "slot"
    assert "--sm-slots" in refusal["reason"]


async def test_what_was_accepted_never_reads_as_verified(
    sm2_stack: Sm2Stack, engine: Client
) -> None:
    stack = sm2_stack
    pair = stack.upload_pair("shop sm")
    stack.grant_quota(1)
    async with stack.run_worker(engine):
        task = await stack.wait_ended(await stack.create_task(engine, stack.build_pair_plan(pair)))
    certroll = CommandLine(stack.settings.home)
    text = certroll("task", "show", task.id).stdout
    assert "1 unverified" in text
    assert "Accepted: accepted, not verified: SM2 pairs are served by TLCP" in text
    assert "not verifiable  1 of " in text
    result = certroll.json("task", "show", task.id)
    assert result["task"]["unverifiable"] == 1
    assert result["outcomes"][0]["cause"]["code"] == "Accepted"
    watched = (await asyncio.to_thread(certroll, "task", "watch", task.id, code=5)).stdout
    assert "partially failed (1 unverified)" in watched
    lines = await asyncio.to_thread(certroll, "task", "watch", task.id, "--json", code=5)
    assert json.loads(lines.stdout.splitlines()[-1])["unverifiable"] == 1
