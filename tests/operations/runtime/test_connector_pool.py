"""Connectors at work: made once, made anew for other secrets, and told where to look."""

import pytest

from domain.certificates.keys import PrivateKey
from domain.errors import BadInput, Permanent
from domain.resources.account import Account
from domain.resources.resource import Resource
from operations.runtime import connector_pool as module
from operations.runtime.connector_pool import Clouds, StoredVault
from operations.tls.handshake import Endpoint
from storage.store import Store
from tests.storage.examples import NEW, NOW, certificate

SERVICE = "alibaba.cdn"
SECRETS = {"access_key_secret": "hidden-word"}


def add(store: Store, **more: object) -> None:
    """The account `main`."""
    settings = {"access_key_id": "LTAItest", "site": "cn"}
    account = Account(name="main", provider="alibaba", settings=settings, created_at=NOW)
    store.accounts.add(account.model_copy(update=more), SECRETS)


def resource(*domains: str, port: int = 443) -> Resource:
    return Resource(account="main", service=SERVICE, key="one", domains=domains, port=port)


def test_a_connector_is_made_once_for_all_steps(store: Store) -> None:
    add(store)
    clouds = Clouds(store)
    connector = clouds.connector("main", SERVICE)
    assert connector.account == "main"
    assert clouds.connector("main", SERVICE) is connector
    assert clouds.connector("main", "alibaba.cas") is not connector


def test_it_is_kept_as_long_as_its_account_stays_the_same(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS_KEPT", 0.0)
    add(store)
    clouds = Clouds(store)
    connector = clouds.connector("main", SERVICE)
    assert clouds.connector("main", SERVICE) is connector


def test_an_account_with_another_key_gets_another_connector(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS_KEPT", 0.0)
    add(store)
    clouds = Clouds(store)
    connector = clouds.connector("main", SERVICE)
    account = store.accounts.get("main")
    store.accounts.delete("main")
    store.accounts.add(account, {"access_key_secret": "another-word"})
    assert clouds.connector("main", SERVICE) is not connector


def test_what_is_kept_does_not_show_the_secrets(store: Store) -> None:
    add(store)
    clouds = Clouds(store)
    clouds.connector("main", SERVICE)
    assert "hidden-word" not in repr(clouds._made)


def test_an_unknown_account_or_service_is_refused(store: Store) -> None:
    add(store)
    with pytest.raises(BadInput, match="other"):
        Clouds(store).connector("other", SERVICE)
    with pytest.raises(BadInput, match=r"alibaba\.cdm"):
        Clouds(store).connector("main", "alibaba.cdm")


def test_each_name_is_looked_at_where_it_resolves_to(store: Store) -> None:
    add(store)
    found = Clouds(store).endpoints(resource("a.example.com", "*.b.example.com", port=8443))
    assert found == (
        Endpoint(host="a.example.com", port=8443, server_name="a.example.com"),
        Endpoint(
            host="certroll-probe.b.example.com",
            port=8443,
            server_name="certroll-probe.b.example.com",
        ),
    )


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("edge.example.net:8443", "edge.example.net", 8443),
        ("192.0.2.7:443", "192.0.2.7", 443),
        ("[2001:db8::7]:8443", "2001:db8::7", 8443),
    ],
)
def test_an_accounts_probe_address_replaces_where_a_name_resolves_to(
    store: Store, address: str, host: str, port: int
) -> None:
    add(store, probe_address=address)
    (endpoint,) = Clouds(store).endpoints(resource("a.example.com"))
    assert endpoint == Endpoint(host=host, port=port, server_name="a.example.com")


def test_an_account_may_have_several_addresses_each_of_which_is_looked_at(store: Store) -> None:
    add(store, probe_address="192.0.2.7:443,[2001:db8::7]:8443")
    found = Clouds(store).endpoints(resource("a.example.com"))
    assert [each.place for each in found] == ["192.0.2.7:443", "[2001:db8::7]:8443"]


def test_a_listeners_default_is_looked_at_without_a_name_too(store: Store) -> None:
    add(store)
    listener = resource("a.example.com").model_copy(update={"key": "cn-hangzhou/lsn-1/default"})
    found = Clouds(store).endpoints(listener)
    assert [(each.host, each.server_name) for each in found] == [
        ("a.example.com", "a.example.com"),
        ("a.example.com", None),
    ]


def test_a_resource_without_names_has_no_endpoint(store: Store) -> None:
    add(store)
    assert Clouds(store).endpoints(resource()) == ()


def test_propagation_is_the_services_unless_the_account_says_otherwise(store: Store) -> None:
    add(store)
    clouds = Clouds(store)
    documented = clouds.connector("main", SERVICE).propagation.total_seconds()
    assert clouds.propagation("main", SERVICE) == documented > 0


@pytest.mark.parametrize("seconds", [0.0, 7.5])
def test_an_accounts_own_propagation_counts_even_if_it_is_zero(
    store: Store, seconds: float
) -> None:
    add(store, propagation_seconds=seconds)
    assert Clouds(store).propagation("main", SERVICE) == seconds


def test_one_pace_is_kept_for_each_account_and_service(store: Store) -> None:
    add(store, calls_per_second=50.0)
    clouds = Clouds(store)
    account = store.accounts.get("main")
    pace = clouds._pace(account, SERVICE, 5)
    assert clouds._pace(account, SERVICE, 5) is pace
    assert clouds._pace(account, "alibaba.cas", 5) is not pace
    raised = account.model_copy(update={"calls_per_second": 80.0})
    assert clouds._pace(raised, SERVICE, 5).calls_per_second == 80.0


def test_the_vault_opens_what_is_held_and_nothing_else(store: Store) -> None:
    vault = StoredVault(store)
    assert not vault.holds(NEW)
    with pytest.raises(Permanent) as caught:
        vault.open(NEW)
    assert caught.value.code == "KeyNotHeld"
    store.certificates.add(certificate(), PrivateKey(b"sealed at once"))
    assert vault.holds(NEW)
    opened, key = vault.open(NEW)
    assert (opened, key.pem()) == (certificate(), b"sealed at once")
