"""Contacts keep their addresses sealed, and remember what was told."""

import pytest
from sqlalchemy import text

from domain.errors import BadInput
from domain.record import ContactChannel
from storage.contacts import Delivery
from storage.store import Store
from tests.storage.examples import LATER, NOW, create

HOOK = "https://me:hidden-word@chat.example.com:8443/hidden-path?token=hidden-token"


def test_a_webhook_shows_its_host_only(store: Store) -> None:
    store.contacts.add("chat", "webhook", HOOK)
    shown = ContactChannel(name="chat", kind="webhook", shown="https://chat.example.com:8443/...")
    assert store.contacts.get("chat") == shown
    assert store.contacts.address("chat") == HOOK
    with store.database.read() as session:
        row = session.execute(text("SELECT * FROM contact")).one()
    assert "hidden" not in str([bytes(v) if isinstance(v, memoryview) else v for v in row])


def test_a_mail_address_is_shown_whole(store: Store) -> None:
    store.contacts.add("ops", "mail", "ops+tls@example.com")
    store.contacts.add("me", "mail", "me@localhost")
    assert [one.shown for one in store.contacts.list()] == ["me@localhost", "ops+tls@example.com"]


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("mail", "no address"),
        ("mail", "a@b\r\nBcc: c@d"),
        ("mail", "a@b, c@d"),
        ("mail", "@b"),
        ("webhook", "ftp://host/x"),
        ("webhook", "https://"),
        ("webhook", "https://host:port/"),
        ("webhook", "https://host/a b"),
        ("webhook", "https://host/\n"),
        ("pigeon", "a@b"),
    ],
)
def test_an_ill_formed_address_is_refused(store: Store, kind: str, address: str) -> None:
    with pytest.raises(BadInput):
        store.contacts.add("ops", kind, address)
    assert store.contacts.list() == []


def test_names_are_checked_and_unique(store: Store) -> None:
    with pytest.raises(BadInput, match="cannot name a contact"):
        store.contacts.add("a b", "mail", "a@b")
    store.contacts.add("ops", "mail", "a@b")
    with pytest.raises(BadInput, match="already"):
        store.contacts.add("ops", "mail", "c@d")
    assert store.contacts.address("ops") == "a@b"


def test_a_deleted_one_is_gone(store: Store) -> None:
    store.contacts.add("ops", "mail", "a@b")
    store.contacts.delete("ops")
    for call in (store.contacts.get, store.contacts.address, store.contacts.delete):
        with pytest.raises(BadInput, match="there is no contact"):
            call("ops")


def test_a_delivery_counts_once_it_arrived(store: Store) -> None:
    create(store)
    assert not store.contacts.delivered("task-1", "ended", "ops")
    store.contacts.record_delivery("task-1", "ended", "ops", False, "refused", NOW)
    assert not store.contacts.delivered("task-1", "ended", "ops")
    store.contacts.record_delivery("task-1", "ended", "ops", True, "250", LATER)
    assert store.contacts.delivered("task-1", "ended", "ops")
    assert not store.contacts.delivered("task-1", "rolled_back", "ops")
    assert not store.contacts.delivered("task-1", "ended", "other")
    assert [(one.ok, one.detail, one.at) for one in store.contacts.deliveries("task-1")] == [
        (False, "refused", NOW),
        (True, "250", LATER),
    ]
    assert isinstance(store.contacts.deliveries("task-1")[0], Delivery)
