"""A seed of any size: how many resources, where, with which certificates."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sandbox.seeds import MAX_RESOURCES, SLOT_KINDS, build_seed
from tests.sandbox.conftest import Start
from tests.sandbox.running import PATIENCE, ROOT

NUMBER = 2 * len(SLOT_KINDS) + 5


def without_certificates(seed: Any) -> Any:
    if isinstance(seed, dict):
        return {k: without_certificates(v) for k, v in seed.items() if k not in ("pem", "key")}
    return [without_certificates(one) for one in seed] if isinstance(seed, list) else seed


def pems_in(seed: Any) -> list[str]:
    if isinstance(seed, dict):
        own = [seed["pem"]] if "pem" in seed else []
        return own + [pem for one in seed.values() for pem in pems_in(one)]
    return [pem for one in seed for pem in pems_in(one)] if isinstance(seed, list) else []


def test_it_spreads_as_many_resources_as_asked_for_over_all_services(start: Start) -> None:
    running = start("--scale", str(NUMBER), "--propagation", "0")
    rows = running.control("GET", "state")["resources"]
    assert len(rows) == NUMBER
    services = set(running.control("GET", "health")["services"]) - {"cas", "quotas"}
    assert {row["service"] for row in rows} == services
    hosts = Counter(host for row in rows for host in row["hosts"])
    assert set(hosts.values()) == {1}, "no two answer to one name"
    for row in rows:
        zone = f"{row['service'].replace('_', '-')}.example.com"
        (host,) = row["hosts"]
        assert host.endswith(f".{zone}")
        name = f"any{host}" if host.startswith(".") else host
        assert running.get_served(name) == row["bound"], name


def test_the_same_scale_gives_the_same_names_and_other_certificates() -> None:
    first, second = build_seed(NUMBER, "cn-hangzhou"), build_seed(NUMBER, "cn-hangzhou")
    assert without_certificates(first) == without_certificates(second)
    assert not set(pems_in(first)) & set(pems_in(second))


def test_certificates_are_of_all_kinds() -> None:
    leaves = [
        x509.load_pem_x509_certificates(pem.encode())[0]
        for pem in pems_in(build_seed(NUMBER, "cn-hangzhou"))
    ]
    assert len(leaves) == NUMBER
    kinds = Counter(type(leaf.public_key()) for leaf in leaves)
    assert {issubclass(kind, ec.EllipticCurvePublicKey) for kind in kinds} == {True, False}
    assert sum(n for kind, n in kinds.items() if issubclass(kind, rsa.RSAPublicKey)) > NUMBER / 4
    names = [
        name
        for leaf in leaves
        for name in leaf.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value.get_values_for_type(x509.DNSName)
    ]
    assert sum(name.startswith("*.") for name in names) > NUMBER / 4


@pytest.mark.parametrize("number", [0, MAX_RESOURCES + 1])
def test_a_number_that_no_sandbox_holds_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match=str(MAX_RESOURCES)):
        build_seed(number, "cn-hangzhou")


def test_a_restart_with_the_same_state_keeps_what_is_there(start: Start, tmp_path: Path) -> None:
    arguments = ("--scale", str(NUMBER), "--state", str(tmp_path / "state"))
    shown = []
    for _ in range(2):
        running = start(*arguments)
        rows = running.control("GET", "state")["resources"]
        shown.append({(row["service"], row["name"]): row["bound"] for row in rows})
        running.stop()
    assert shown[0] == shown[1]


def test_the_command_writes_a_seed_that_a_sandbox_takes(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "seed.json"
    with path.open("w") as file:
        subprocess.run(
            [sys.executable, "-m", "sandbox", "seed", "--scale", "25"],
            stdout=file,
            cwd=ROOT,
            timeout=PATIENCE,
            check=True,
        )
    assert len(pems_in(json.loads(path.read_text()))) == 25
    running = start("--seed-file", str(path))
    assert len(running.control("GET", "state")["resources"]) == 25


def test_an_account_of_the_other_site_has_its_resources_in_its_own_region(start: Start) -> None:
    running = start("--scale", "44", "--site", "intl")
    rows = running.control("GET", "state")["resources"]
    assert len(rows) == 44
    walled = [row["name"] for row in rows if row["service"] == "waf"]
    assert walled
    assert all(name.startswith("ap-southeast-1/") for name in walled)


def test_several_accounts_share_the_resources_and_have_names_of_their_own(start: Start) -> None:
    accounts = [part for one in ("a", "b", "c") for part in ("--account", f"{one}:secret")]
    running = start(*accounts, "--scale", str(3 * NUMBER - 1), "--propagation", "0")
    rows = running.control("GET", "state")["resources"]
    assert Counter(row["account"] for row in rows) == {"a": NUMBER, "b": NUMBER, "c": NUMBER - 1}
    hosts = Counter(host for row in rows for host in row["hosts"])
    assert set(hosts.values()) == {1}, "no two answer to one name"
    zones = {row["account"]: row["hosts"][0] for row in rows if row["service"] == "cdn"}
    assert {key: host.endswith(f".{key}.example.com") for key, host in zones.items()} == {
        "a": False,
        "b": True,
        "c": True,
    }


def test_certificates_end_one_after_the_other() -> None:
    pems = pems_in(build_seed(5 * len(SLOT_KINDS), "cn-hangzhou"))
    ends = Counter(
        x509.load_pem_x509_certificates(pem.encode())[0].not_valid_after_utc for pem in pems
    )
    assert len(ends) == 5
