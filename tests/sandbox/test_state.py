"""What a sandbox remembers when it was killed and started again."""

import contextlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_cas20200407 import models as cas_models
from alibabacloud_cdn20180510 import models
from darabonba.exceptions import UnretryableException

from sandbox.state import Counters, Journal, Table
from sandbox.store import StoredCertificate
from tests.sandbox.conftest import Start
from tests.sandbox.running import Running
from tests.support.factory import Authority, Leaf


def upload(running: Running, leaf: Leaf, name: str) -> int:
    request = cas_models.UploadUserCertificateRequest(
        name=name, cert=leaf.pem.decode(), key=leaf.key_pem.decode(), client_token=name
    )
    return int(running.cas().upload_user_certificate(request).body.cert_id)


def bind(running: Running, name: str, cert_id: int) -> None:
    request = models.SetCdnDomainSSLCertificateRequest(
        domain_name=name, sslprotocol="on", cert_type="cas", cert_id=cert_id
    )
    running.cdn().set_cdn_domain_sslcertificate(request)


def test_a_killed_sandbox_comes_back_on_its_ports_as_it_was(
    start: Start, authority: Authority, tmp_path: Path
) -> None:
    state = ["--state", str(tmp_path / "state")]
    running = start(*state, "--propagation", "0")
    first, second = authority.leaf(["a.example.com"]), authority.leaf(["*.example.com"])
    running.seed_domain("a.example.com", first)
    cert_id = upload(running, second, "kept")
    bind(running, "a.example.com", cert_id)
    before = running.control("GET", "state")
    assert running.kill() == -9
    ports = [running.address.split(":")[1], running.edge.split(":")[1]]
    again = start(*state, "--propagation", "0", "--port", ports[0], "--edge-port", ports[1])
    assert (again.address, again.edge) == (running.address, running.edge)
    assert again.control("GET", "state") == before
    assert again.get_served("a.example.com") == second.fingerprint
    assert upload(again, second, "kept") == cert_id, "the client token is remembered"
    assert upload(again, second, "new") > cert_id


def test_what_was_answered_before_a_kill_is_there_afterwards(
    start: Start, authority: Authority, tmp_path: Path
) -> None:
    arguments = ["--state", str(tmp_path / "state"), "--propagation", "0"]
    running = start(*arguments)
    leaf = authority.leaf(["*.example.com"])
    cert_id = upload(running, leaf, "new")
    names = [f"d{number}.example.com" for number in range(200)]
    seed = {"service": "cdn", "domains": [{"name": name} for name in names]}
    running.control("POST", "seed", seed)
    answered: list[str] = []

    def change(name: str) -> None:
        if len(answered) >= 50:
            running.process.kill()
        with contextlib.suppress(UnretryableException):
            bind(running, name, cert_id)
            answered.append(name)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(change, names))
    assert 50 <= len(answered) < 200
    again = start(*arguments)
    rows = {row["name"]: row for row in again.control("GET", "state")["resources"]}
    assert set(rows) == set(names)
    assert {rows[name]["serving"] for name in answered} == {leaf.fingerprint}
    assert all(set(row["applied"]) <= {leaf.fingerprint} for row in rows.values())


def test_a_change_that_is_on_its_way_stays_so_over_a_restart(
    start: Start, authority: Authority, tmp_path: Path
) -> None:
    arguments = ["--state", str(tmp_path / "state"), "--propagation", "3600"]
    running = start(*arguments)
    former, new = authority.leaf(["a.example.com"]), authority.leaf(["a.example.com"])
    running.seed_domain("a.example.com", former)
    bind(running, "a.example.com", upload(running, new, "new"))
    running.kill()
    again = start(*arguments)
    assert again.get_served("a.example.com") == former.fingerprint
    assert again.get_state("a.example.com")["bound"] == new.fingerprint


def test_a_seed_file_does_not_undo_what_was_done(
    start: Start, authority: Authority, tmp_path: Path
) -> None:
    leaf, new = authority.leaf(["a.example.com"]), authority.leaf(["a.example.com"])
    certificate = {"pem": leaf.pem.decode(), "key": leaf.key_pem.decode()}
    seeds: list[dict[str, Any]] = [
        {"service": "cdn", "domains": [{"name": "a.example.com", "certificate": certificate}]},
        {"service": "cas", "certificates": [{"name": "official", "source": "buy", **certificate}]},
    ]
    (tmp_path / "seed.json").write_text(json.dumps(seeds))
    arguments = ["--state", str(tmp_path / "state"), "--seed-file", str(tmp_path / "seed.json")]
    running = start(*arguments, "--propagation", "0")
    bind(running, "a.example.com", upload(running, new, "new"))
    before = running.control("GET", "state")
    assert running.stop() == 0
    again = start(*arguments, "--propagation", "0")
    assert again.control("GET", "state") == before
    assert again.get_served("a.example.com") == new.fingerprint


def certificate(number: int, name: str) -> StoredCertificate:
    return StoredCertificate(number, "me", name, "upload", "m", "pem", 0.0)


def test_a_line_that_was_cut_off_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "state"
    journal = Journal(path)
    table = Table(journal, "certificates", StoredCertificate)
    table.save("1", certificate(1, "whole"))
    table.save("2", certificate(2, "cut"))
    journal.close()
    path.write_bytes(path.read_bytes()[:-5])
    again = Journal(path)
    assert [row.name for row in Table(again, "certificates", StoredCertificate)] == ["whole"]
    again.append("certificates", "3", None)
    again.close()
    assert path.read_text().endswith("\n")


def test_the_file_is_compacted_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "state"
    journal = Journal(path)
    table = Table(journal, "certificates", StoredCertificate)
    for turn in range(50):
        table.save("1", certificate(1, f"name {turn}"))
    table.save("2", certificate(2, "dropped"))
    table.delete("2")
    journal.close()
    Journal(path).close()
    (line,) = path.read_text().splitlines()
    assert "name 49" in line
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_number_is_never_given_twice(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "state")
    counters = Counters(journal)
    assert [counters.next("certificate", 100) for _ in range(2)] == [100, 101]
    journal.close()
    again = Journal(tmp_path / "state")
    assert Counters(again).next("certificate", 100) == 102
    again.close()


def test_without_a_path_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    journal = Journal(None)
    table = Table(journal, "certificates", StoredCertificate)
    table.save("1", certificate(1, "here"))
    assert len(table) == 1
    journal.close()
    assert [*tmp_path.iterdir()] == []
