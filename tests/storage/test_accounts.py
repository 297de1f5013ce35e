"""Accounts by name, their secrets sealed."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from domain.errors import BadInput
from domain.resources.resource import CertificateRef, DiscoveredResource
from storage.store import Store
from tests.storage.certificates.test_certificates import KEY
from tests.support.refusals import has_code
from tests.support.stored_examples import (
    LATER,
    NEW,
    NOW,
    build_account,
    build_certificate,
    build_resource,
    create_task,
)

SECRETS = {"access_key_secret": "hidden-word", "token": "äß"}


def test_an_account_and_its_secrets_come_back_as_they_were(store: Store) -> None:
    store.accounts.add(build_account(), SECRETS)
    store.accounts.add(build_account("also"), {})
    assert store.accounts.get("main") == build_account()
    assert store.accounts.get_secrets("main") == SECRETS
    assert store.accounts.list() == [build_account("also"), build_account()]


def test_secrets_are_not_in_the_table(store: Store) -> None:
    store.accounts.add(build_account(), SECRETS)
    with store.database.read() as session:
        row = session.execute(text("SELECT * FROM account")).one()
    assert "hidden-word" not in str([bytes(v) if isinstance(v, memoryview) else v for v in row])


@pytest.mark.parametrize("name", ["", "-a", "Main", "a" * 32, "a/b", "a\n"])
def test_an_ill_formed_name_is_refused(store: Store, name: str) -> None:
    with pytest.raises(BadInput, check=has_code("invalid-name")):
        store.accounts.add(build_account(name), {})
    assert store.accounts.list() == []


def test_a_taken_or_unknown_name_is_refused(store: Store) -> None:
    store.accounts.add(build_account(), SECRETS)
    with pytest.raises(BadInput, check=has_code("name-taken")):
        store.accounts.add(build_account(), {})
    assert store.accounts.get_secrets("main") == SECRETS
    for call in (store.accounts.get, store.accounts.get_secrets, store.accounts.delete):
        with pytest.raises(BadInput, check=has_code("unknown-account", "main")):
            call("maim")


def test_deleting_an_account_deletes_its_data(store: Store) -> None:
    store.accounts.add(build_account(), {})
    store.certificates.add(build_certificate(), KEY)
    store.inventory.upsert([DiscoveredResource(resource=build_resource())], NOW)
    ref = CertificateRef(store="s", fields={})
    store.installations.save(NEW, "main", "s", ref, NOW)
    store.accounts.delete("main")
    assert store.accounts.list() == []
    assert store.inventory.list(include_vanished=True) == []
    assert store.installations.get(NEW, "main", "s") is None


def test_one_whose_resources_an_open_task_changes_is_not_deleted(store: Store) -> None:
    store.accounts.add(build_account(), {})
    store.accounts.add(build_account("other"), {})
    create_task(store)
    with pytest.raises(BadInput, check=has_code("needed-by-open-task", "main")):
        store.accounts.delete("main", now=LATER)
    store.accounts.delete("other", now=LATER)
    store.tasks.delete("task-1", "me", "done", NOW + timedelta(days=1))
    store.accounts.delete("main", now=LATER)
