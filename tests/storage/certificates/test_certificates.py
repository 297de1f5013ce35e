"""Certificates: keys sealed, found by name or fingerprint, kept while a task needs them."""

import base64
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from domain.certificates.keys import PrivateKey
from domain.certificates.renewal import RenewalMode, RenewalPolicy, RenewalSettings
from domain.errors import BadInput
from domain.resources.resource import Binding, DiscoveredResource
from domain.tasks.status import TaskStatus
from storage.store import Store
from tests.support.refusals import has_code
from tests.support.stored_examples import (
    LATER,
    NEW,
    NOW,
    OLD,
    build_account,
    build_certificate,
    build_resource,
    create_task,
    mark_vanished,
)

KEY = PrivateKey(b"not really a key")
PKCS8 = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def test_a_certificate_and_its_key_come_back_as_they_were(store: Store) -> None:
    store.certificates.add(build_certificate(), KEY)
    assert store.certificates.get(NEW) == build_certificate()
    assert store.certificates.get_key(NEW).pem() == KEY.pem()
    assert store.certificates.list() == [build_certificate()]


def test_a_taken_name_and_a_stored_fingerprint_are_refused(store: Store) -> None:
    store.certificates.add(build_certificate("shop"), KEY)
    with pytest.raises(BadInput, check=has_code("name-taken", "shop")):
        store.certificates.add(build_certificate("shop", OLD), KEY)
    with pytest.raises(BadInput, check=has_code("certificate-exists", "shop")):
        store.certificates.add(build_certificate("other"), KEY)
    assert store.certificates.list() == [build_certificate("shop")]


def test_one_is_found_by_name_or_by_the_beginning_of_its_fingerprint(store: Store) -> None:
    first, second = (
        build_certificate("one", "abcd" + NEW[4:]),
        build_certificate("two", "abce" + NEW[4:]),
    )
    store.certificates.add(first, KEY)
    store.certificates.add(second, KEY)
    assert store.certificates.find("two") == second
    assert store.certificates.find("abcd") == first
    assert store.certificates.find("AB:CE") == second
    with pytest.raises(BadInput, check=has_code("ambiguous-certificate", "abcd", "(one)", "abce")):
        store.certificates.find("ab")
    with pytest.raises(BadInput, check=has_code("unknown-certificate", "one")):
        store.certificates.find("onne")
    for nothing in ("", "a%", "ab_d"):
        with pytest.raises(BadInput, check=has_code("unknown-certificate")):
            store.certificates.find(nothing)


def test_an_unknown_fingerprint_is_refused(store: Store) -> None:
    with pytest.raises(BadInput):
        store.certificates.get(NEW)
    with pytest.raises(BadInput):
        store.certificates.get_key(NEW)
    with pytest.raises(BadInput):
        store.certificates.delete(NEW)


def test_a_deleted_one_is_gone_with_its_key(store: Store) -> None:
    store.certificates.add(build_certificate(), KEY)
    store.certificates.delete(NEW)
    assert store.certificates.list() == []


def test_one_that_a_task_may_still_need_is_not_deleted(store: Store) -> None:
    store.certificates.add(build_certificate(), KEY)
    create_task(store)
    after = NOW + timedelta(days=31)
    for moment in (NOW, after):  # it is scheduled: no matter when
        with pytest.raises(
            BadInput, check=has_code("needed-by-open-task", "shop", "name of task-1")
        ):
            store.certificates.delete(NEW, now=moment)
    store.tasks.set_status("task-1", TaskStatus.RUNNING, NOW)
    store.tasks.set_status("task-1", TaskStatus.SUCCEEDED, LATER)
    with pytest.raises(
        BadInput, check=has_code("needed-by-open-task", "certroll task delete task-1")
    ):
        store.certificates.delete(NEW, now=NOW + timedelta(days=29))
    store.certificates.delete(NEW, now=after)


def test_a_deleted_task_needs_no_certificate(store: Store) -> None:
    store.certificates.add(build_certificate(), KEY)
    create_task(store)
    store.tasks.delete("task-1", "me", "not wanted", NOW)
    store.certificates.delete(NEW, now=NOW)


def test_renewal_settings_are_stored(store: Store) -> None:
    policy = RenewalPolicy(mode=RenewalMode.AUTOMATIC, contacts=("ops",), services=("alibaba.cdn",))
    store.certificates.add(build_certificate("old", OLD), KEY)
    store.certificates.add(
        build_certificate("new"), KEY, RenewalSettings(replaces=OLD, policy=policy)
    )
    assert store.certificates.get_renewal(NEW) == RenewalSettings(replaces=OLD, policy=policy)
    assert store.certificates.get_renewal(OLD) == RenewalSettings()
    assert store.certificates.list_renewals()[NEW].policy == policy
    assert store.certificates.get_predecessors() == {NEW: OLD}
    store.certificates.set_renewal(NEW, RenewalSettings(replaces=OLD))
    assert store.certificates.get_renewal(NEW) == RenewalSettings(replaces=OLD)
    store.certificates.delete(OLD)
    assert store.certificates.get_predecessors() == {NEW: OLD}
    assert (store.certificates.get_if_stored(OLD), store.certificates.get_if_stored(NEW)) == (
        None,
        build_certificate("new"),
    )


def test_one_certificate_has_one_successor(store: Store) -> None:
    third = "ef" * 32
    store.certificates.add(build_certificate("old", OLD), KEY)
    store.certificates.add(build_certificate("new"), KEY, RenewalSettings(replaces=OLD))
    with pytest.raises(BadInput, check=has_code("successor-exists", "'old'", "'new'")):
        store.certificates.add(
            build_certificate("third", third), KEY, RenewalSettings(replaces=OLD)
        )
    assert store.certificates.get_if_stored(third) is None
    store.certificates.add(build_certificate("third", third), KEY)
    with pytest.raises(BadInput, check=has_code("successor-exists")):
        store.certificates.set_renewal(third, RenewalSettings(replaces=OLD))
    assert store.certificates.get_predecessors() == {NEW: OLD}


def test_its_tasks_and_the_resources_that_serve_it_are_counted(store: Store) -> None:
    store.certificates.add(build_certificate(), KEY)
    create_task(store, "task-1")
    create_task(store, "task-2")
    store.tasks.delete("task-1", "me", "not wanted", NOW)
    assert store.certificates.list_task_ids(NEW) == ("task-1", "task-2")
    assert store.certificates.list_task_ids(OLD) == ()
    store.accounts.add(build_account(), {})
    serving = [NEW, OLD, OLD, "ef" * 32]
    found = [
        DiscoveredResource(
            resource=build_resource(number), binding=Binding(fingerprint=each), binding_known=True
        )
        for number, each in enumerate(serving)
    ]
    store.inventory.upsert(found, NOW)
    assert [
        store.certificates.count_serving_resources(each) for each in ((OLD,), (OLD, NEW), ())
    ] == [2, 3, 0]
    store.inventory.upsert(found[:2], LATER)
    mark_vanished(store, "main", "alibaba.cdn", LATER)
    assert store.certificates.count_serving_resources((OLD,)) == 1


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_the_files_of_the_database_hold_no_key_in_any_encoding(
    store: Store, tmp_path: Path, kind: str
) -> None:
    key: PrivateKeyTypes = (
        ec.generate_private_key(ec.SECP256R1())
        if kind == "ec"
        else rsa.generate_private_key(public_exponent=65537, key_size=2048)
    )
    pem = key.private_bytes(serialization.Encoding.PEM, *PKCS8)
    store.certificates.add(build_certificate(), PrivateKey(pem))
    kept = b"".join(path.read_bytes() for path in (tmp_path / "home").iterdir())
    assert kept
    for needle in _secrets(key, pem):
        assert needle not in kept
        assert needle.hex().encode() not in kept.lower()
        for offset in range(3):
            assert base64.b64encode(bytes(offset) + needle)[4:-4] not in kept


def _secrets(key: PrivateKeyTypes, pem: bytes) -> list[bytes]:
    """What would give the key away: its encodings, each line of its PEM, its secret numbers."""
    der = key.private_bytes(serialization.Encoding.DER, *PKCS8)
    lines = [line for line in pem.splitlines() if not line.startswith(b"-")]
    if isinstance(key, ec.EllipticCurvePrivateKey):
        numbers = [key.private_numbers().private_value]
    else:
        assert isinstance(key, rsa.RSAPrivateKey)
        private = key.private_numbers()
        numbers = [private.d, private.p, private.q]
    raw = [number.to_bytes((number.bit_length() + 7) // 8, "big") for number in numbers]
    return [der, *lines, *raw, b"PRIVATE KEY"]
