"""What must be true of every connector there is, without naming any."""

import inspect
import json
import pkgutil
import re
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any
from urllib.parse import parse_qsl

import pytest

import connectors
from domain.resources.connector import CallRateLimit, Connector, NoRateLimit
from tests.connectors.lab import Lab
from tests.connectors.store_contract import StoreContract

SERVICES = connectors.list_services()
PRACTICED = [name for name in SERVICES if name.startswith("alibaba.")]
"""The services that the practice cloud has."""


@cache
def contract_of(service: str) -> type[StoreContract] | None:
    """The test class of a service, in the file that mirrors the connector's."""
    folder, _, name = service.rpartition(".")
    module = f"tests.connectors.{folder}.test_{name}"
    if find_spec(module) is None:
        return None
    found = [
        value
        for value in vars(import_module(module)).values()
        if isinstance(value, type)
        and issubclass(value, StoreContract)
        and getattr(value, "service", None) == service
    ]
    return found[0] if found else None


@pytest.mark.parametrize("service", PRACTICED)
def test_it_has_a_test_that_inherits_the_contract(service: str) -> None:
    assert contract_of(service) is not None


@pytest.mark.parametrize("service", SERVICES)
def test_it_declares_all_that_the_rules_and_the_pages_need(service: str) -> None:
    connector = connectors.load_connector(service)
    assert connector.title
    assert inspect.getmodule(connector).__doc__
    assert connector.permissions
    assert all(re.fullmatch(r"[a-z-]+:\w+", one) for one in connector.permissions)
    assert connector.queries_per_second > 0
    assert connector.propagation.total_seconds() >= 0
    assert connector.algorithms
    assert connector.settings_model is connectors.get_settings_model(service.partition(".")[0])


@pytest.mark.parametrize("service", PRACTICED)
def test_every_field_it_sends_is_one_that_the_official_client_knows(service: str, lab: Lab) -> None:
    contract = contract_of(service)
    assert contract is not None
    contract().call_every_operation(lab)
    sent = lab.cloud.list_requests(lab.account)
    assert sent
    for request in sent:
        if "x-acs-version" not in request["headers"]:
            continue  # object storage is called by means of the official client's own models
        version, action = request["headers"]["x-acs-version"], request["headers"]["x-acs-action"]
        assert sent_fields(request) <= known_fields(version, action), action


@pytest.mark.parametrize("service", PRACTICED)
def test_it_needs_no_permission_that_it_does_not_list(service: str, lab: Lab) -> None:
    contract = contract_of(service)
    assert contract is not None
    contract().call_every_operation(lab)
    used = {contract().action(row) for row in lab.cloud.list_requests(lab.account)}
    listed = {one.partition(":")[2] for one in connectors.load_connector(service).permissions}
    assert used == listed - contract.on_behalf


def test_each_is_a_connector() -> None:
    assert all(issubclass(connectors.load_connector(service), Connector) for service in SERVICES)


def sent_fields(request: dict[str, Any]) -> set[str]:
    """The fields of a request, from its query and its body, be that a form or JSON."""
    query, body = request["query"], request["body"]
    if request["headers"].get("content-type", "").startswith("application/json"):
        return {name.partition(".")[0] for name, _ in parse_qsl(query)} | set(json.loads(body))
    return {name.partition(".")[0] for name, _ in parse_qsl(query) + parse_qsl(body)}


@cache
def known_fields(version: str, action: str) -> frozenset[str]:
    """The fields of an operation's request, by the generated client of that API version.

    What has no model there takes no fields; a field "body" stands for those of its own model.
    """
    digits = version.replace("-", "")
    packages = [m.name for m in pkgutil.iter_modules() if m.name.endswith(digits)]
    models = [import_module(f"{package}.models") for package in packages]
    found = [model for one in models if (model := getattr(one, f"{action}Request", None))]
    answers = [one for one in models if hasattr(one, f"{action}Response")]
    assert len(answers) == 1, f"the official client knows no {action} of {version}"
    if not found:
        return frozenset()
    inner = re.findall(r"body: main_models\.(\w+)", inspect.getsource(found[0].__init__))
    kinds = [found[0], *(getattr(answers[0], name) for name in inner)]
    sources = [inspect.getsource(kind.to_map) for kind in kinds]
    return frozenset(field for one in sources for field in re.findall(r"result\['(\w+)'\]", one))


class Counting:
    """A rate limit that counts its permits."""

    def __init__(self) -> None:
        self.waited = 0

    def wait(self) -> None:
        self.waited += 1

    def pause(self, seconds: float) -> None:
        """Nothing here is throttled."""


@pytest.mark.parametrize("service", PRACTICED)
def test_it_waits_for_a_permit_before_every_call(service: str, lab: Lab) -> None:
    pace = Counting()
    settings = connectors.parse_settings(service.partition(".")[0], lab.settings)
    connector = connectors.load_connector(service)("main", settings, lab.vault, lambda *_: pace)
    connector.check()
    connector.discover()
    assert pace.waited == len(lab.cloud.list_requests(lab.account)) > 0


def test_both_connectors_of_global_accelerator_share_one_budget() -> None:
    budgets = {}
    for service in ("alibaba.ga_listener", "alibaba.ga_domain"):
        names: list[str] = []

        def paces(name: str, rate: float, names: list[str] = names) -> CallRateLimit:
            names.append(name)
            return NoRateLimit()

        settings = connectors.parse_settings(
            "alibaba", {"access_key_id": "i", "access_key_secret": "s"}
        )
        connectors.load_connector(service)("main", settings, None, paces)
        budgets[service] = names[0]
    assert set(budgets.values()) == {"alibaba.ga"}
