"""The addresses of an endpoint: of a name those that it resolves to, of an address itself."""

import socket

import pytest

from operations.tls.handshake import MOST, Endpoint, resolve, unresolved


def at(host: str) -> Endpoint:
    return Endpoint(host=host, port=443, server_name="www.example.com")


@pytest.mark.parametrize("host", ["192.0.2.7", "2001:db8::7"])
def test_an_address_stays_as_it_is(host: str) -> None:
    assert resolve(at(host)) == (at(host),)


def test_a_name_becomes_its_addresses_of_both_kinds_each_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    places = [("192.0.2.7", 443), ("2001:db8::7", 443, 0, 0), ("192.0.2.7", 443)]
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", place) for place in places]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    assert resolve(at("edge.example.net")) == (at("192.0.2.7"), at("2001:db8::7"))


def test_of_a_farm_only_the_first_few_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"192.0.2.{n}", 443)) for n in range(99)
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    assert len(resolve(at("edge.example.net"))) == MOST


def test_the_name_of_this_machine_resolves() -> None:
    assert "127.0.0.1" in {each.host for each in resolve(at("localhost"))}


@pytest.mark.parametrize("host", ["nowhere.invalid", f"{'a' * 70}.example.com"])
def test_a_name_without_an_address_has_none(host: str) -> None:
    assert resolve(at(host)) == ()
    seen = unresolved(at(host))
    assert (seen.fingerprint, seen.reached) == (None, False)
    assert f"{host} does not resolve" in str(seen)
