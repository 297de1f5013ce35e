"""Contacts store their addresses encrypted, with their choice of events."""

import pytest
from sqlalchemy import text

from domain.errors import BadInput
from domain.notifications.channel_kind import ChannelKind
from domain.notifications.contact import ContactChannel
from domain.notifications.events import EventClass
from storage.store import Store
from tests.support.refusals import has_code

E = EventClass
HOOK = "https://me:hidden-word@chat.example.com:8443/hidden-path?token=hidden-token"


def test_a_webhook_shows_its_host_only(store: Store) -> None:
    store.contacts.add("chat", "webhook", HOOK)
    shown = ContactChannel(
        name="chat", kind=ChannelKind.WEBHOOK, redacted_address="https://chat.example.com:8443/..."
    )
    assert store.contacts.get("chat") == shown
    assert store.contacts.get_address("chat") == HOOK
    with store.database.read() as session:
        row = session.execute(text("SELECT * FROM contact")).one()
    assert "hidden" not in str([bytes(v) if isinstance(v, memoryview) else v for v in row])


def test_a_mail_address_is_not_redacted(store: Store) -> None:
    store.contacts.add("ops", "mail", "ops+tls@example.com")
    store.contacts.add("me", "mail", "me@localhost")
    assert [one.redacted_address for one in store.contacts.list()] == [
        "me@localhost",
        "ops+tls@example.com",
    ]


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
    with pytest.raises(BadInput, check=has_code("invalid-name")):
        store.contacts.add("a b", "mail", "a@b")
    store.contacts.add("ops", "mail", "a@b")
    with pytest.raises(BadInput, check=has_code("name-taken")):
        store.contacts.add("ops", "mail", "c@d")
    assert store.contacts.get_address("ops") == "a@b"


def test_a_deleted_one_is_gone(store: Store) -> None:
    store.contacts.add("ops", "mail", "a@b")
    store.contacts.delete("ops")
    for call in (store.contacts.get, store.contacts.get_address, store.contacts.delete):
        with pytest.raises(BadInput, check=has_code("unknown-contact")):
            call("ops")


def test_a_contact_receives_all_events_unless_events_are_set(store: Store) -> None:
    store.contacts.add("ops", "mail", "a@b")
    store.contacts.add("night", "mail", "a@b", [E.NEEDS_OPERATOR])
    night, ops = store.contacts.list()
    assert all(map(ops.is_subscribed_to, E))
    assert [each for each in E if night.is_subscribed_to(each)] == [E.NEEDS_OPERATOR]
    store.contacts.set_events("night", [E.FINISHED, E.EXPIRING])
    assert store.contacts.get("night").events == (E.FINISHED, E.EXPIRING)
    store.contacts.set_events("night", None)
    assert store.contacts.get("night").is_subscribed_to(E.DRIFTED)


def test_setting_events_of_an_unknown_contact_is_refused(store: Store) -> None:
    with pytest.raises(BadInput, check=has_code("unknown-contact")):
        store.contacts.set_events("nobody", None)
