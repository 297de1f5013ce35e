"""Connectors are built once, built again for other secrets, and know their endpoints."""

import pytest

from domain.certificates.keys import PrivateKey
from domain.errors import BadInput, Permanent
from domain.resources.account import Account
from domain.resources.resource import Resource
from operations.runtime import connector_pool as module
from operations.runtime.connector_pool import ConnectorPool, StoredVault
from operations.tls.handshake import Endpoint
from storage.store import Store
from tests.support.stored_examples import NEW, NOW, build_certificate

SERVICE = "alibaba.cdn"
SECRETS = {"access_key_secret": "hidden-word"}


def add(store: Store, **more: object) -> None:
    """The account `main`."""
    settings = {"access_key_id": "LTAItest", "site": "cn"}
    account = Account(name="main", provider="alibaba", settings=settings, created_at=NOW)
    store.accounts.add(account.model_copy(update=more), SECRETS)


def resource(*domains: str, port: int = 443) -> Resource:
    return Resource(account="main", service=SERVICE, key="one", domains=domains, port=port)


def test_a_connector_is_built_once(store: Store) -> None:
    add(store)
    pool = ConnectorPool(store)
    connector = pool.get("main", SERVICE)
    assert connector.account == "main"
    assert pool.get("main", SERVICE) is connector
    assert pool.get("main", "alibaba.cas") is not connector


def test_a_connector_is_cached_as_long_as_its_account_stays_the_same(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CACHE_SECONDS", 0.0)
    add(store)
    pool = ConnectorPool(store)
    connector = pool.get("main", SERVICE)
    assert pool.get("main", SERVICE) is connector


def test_an_account_with_another_key_gets_another_connector(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CACHE_SECONDS", 0.0)
    add(store)
    pool = ConnectorPool(store)
    connector = pool.get("main", SERVICE)
    account = store.accounts.get("main")
    store.accounts.delete("main")
    store.accounts.add(account, {"access_key_secret": "another-word"})
    assert pool.get("main", SERVICE) is not connector


def test_the_cache_does_not_show_the_secrets(store: Store) -> None:
    add(store)
    pool = ConnectorPool(store)
    pool.get("main", SERVICE)
    assert "hidden-word" not in repr(pool._cache)


def test_an_unknown_account_or_service_is_refused(store: Store) -> None:
    add(store)
    with pytest.raises(BadInput) as caught:
        ConnectorPool(store).get("other", SERVICE)
    assert caught.value.code == "unknown-account"
    with pytest.raises(BadInput) as caught:
        ConnectorPool(store).get("main", "alibaba.cdm")
    assert caught.value.code == "unknown-service"


def test_each_name_is_an_endpoint_at_its_own_addresses(store: Store) -> None:
    add(store)
    found = ConnectorPool(store).list_endpoints(
        resource("a.example.com", "*.b.example.com", port=8443)
    )
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
def test_the_probe_address_of_an_account_replaces_the_addresses_of_a_name(
    store: Store, address: str, host: str, port: int
) -> None:
    add(store, probe_address=address)
    (endpoint,) = ConnectorPool(store).list_endpoints(resource("a.example.com"))
    assert endpoint == Endpoint(host=host, port=port, server_name="a.example.com")


def test_each_of_several_probe_addresses_is_an_endpoint(store: Store) -> None:
    add(store, probe_address="192.0.2.7:443,[2001:db8::7]:8443")
    found = ConnectorPool(store).list_endpoints(resource("a.example.com"))
    assert [each.host_and_port for each in found] == ["192.0.2.7:443", "[2001:db8::7]:8443"]


def test_the_default_certificate_of_a_listener_has_an_endpoint_without_a_name(store: Store) -> None:
    add(store)
    listener = resource("a.example.com").model_copy(update={"key": "cn-hangzhou/lsn-1/default"})
    found = ConnectorPool(store).list_endpoints(listener)
    assert [(each.host, each.server_name) for each in found] == [
        ("a.example.com", "a.example.com"),
        ("a.example.com", None),
    ]


def test_a_resource_without_names_has_no_endpoint(store: Store) -> None:
    add(store)
    assert ConnectorPool(store).list_endpoints(resource()) == ()


def test_the_propagation_time_is_that_of_the_service(store: Store) -> None:
    add(store)
    pool = ConnectorPool(store)
    documented = pool.get("main", SERVICE).propagation.total_seconds()
    assert pool.get_propagation_seconds("main", SERVICE) == documented > 0


@pytest.mark.parametrize("seconds", [0.0, 7.5])
def test_the_propagation_time_of_an_account_counts_even_if_it_is_zero(
    store: Store, seconds: float
) -> None:
    add(store, propagation_seconds=seconds)
    assert ConnectorPool(store).get_propagation_seconds("main", SERVICE) == seconds


def test_each_account_and_service_has_one_rate_limiter(store: Store) -> None:
    add(store, calls_per_second=50.0)
    pool = ConnectorPool(store)
    account = store.accounts.get("main")
    limiter = pool._get_limiter(account, SERVICE, 5)
    assert pool._get_limiter(account, SERVICE, 5) is limiter
    assert pool._get_limiter(account, "alibaba.cas", 5) is not limiter
    raised = account.model_copy(update={"calls_per_second": 80.0})
    assert pool._get_limiter(raised, SERVICE, 5).calls_per_second == 80.0


def test_the_vault_opens_only_stored_certificates(store: Store) -> None:
    vault = StoredVault(store)
    assert not vault.holds(NEW)
    with pytest.raises(Permanent) as caught:
        vault.open(NEW)
    assert caught.value.code == "KeyNotHeld"
    store.certificates.add(build_certificate(), PrivateKey(b"sealed at once"))
    assert vault.holds(NEW)
    opened, key = vault.open(NEW)
    assert (opened, key.pem()) == (build_certificate(), b"sealed at once")
