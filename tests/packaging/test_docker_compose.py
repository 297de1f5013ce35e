"""Tests the compose file: valid by the specification's schema, with names that exist.

The tests need no container engine: they run its commands, its settings, and the script that creates
the namespace.
"""

import json
import os
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from temporalio.client import Client

from starter.temporal.processes import find_temporal_binary
from storage.settings import Settings

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
COMPOSE = ROOT / "docker-compose.yml"
GIVEN = {"POSTGRES_PASSWORD": "5ecre7", "CERTROLL_KEK_FILE": "./kek", "KEK_OWNER": "7:7"}
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(?::([-?])([^}]*))?\}")

Service = dict[str, Any]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The file with its variables filled in."""
    parsed: dict[str, Any] = yaml.safe_load(
        VARIABLE.sub(lambda found: GIVEN.get(found[1], found[3] or ""), COMPOSE.read_text())
    )
    return parsed


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Service]:
    """The services by name."""
    found: dict[str, Service] = compose["services"]
    return found


def is_one_shot(service: Service) -> bool:
    return bool(service["restart"] == "no")


def test_the_file_is_valid_by_the_schema_of_the_specification() -> None:
    schema = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    jsonschema.validate(yaml.safe_load(COMPOSE.read_text()), json.loads(schema.read_text()))


def test_the_file_has_all_services_that_certroll_needs(services: dict[str, Service]) -> None:
    assert set(services) >= {"postgresql", "temporal", "temporal-ui", "migrations", "worker"}


def test_images_are_pinned_to_the_versions_that_the_tests_use(services: dict[str, Service]) -> None:
    images = {each["image"] for each in services.values() if "build" not in each}
    assert all(re.search(r":\d+\.\d+", image) for image in images), images
    shown = subprocess.check_output([find_temporal_binary(), "--version"], text=True)
    versions = re.search(r"Server (\S+), UI ([^)]+)\)", shown)
    assert versions
    server, web = versions.groups()
    assert f"temporalio/server:{server}" in images
    assert f"temporalio/admin-tools:{server}" in images
    assert f"temporalio/ui:{web}" in images


def test_every_permanent_service_has_a_health_check(services: dict[str, Service]) -> None:
    for name, service in services.items():
        assert ("healthcheck" in service) is not is_one_shot(service), name


def test_services_wait_for_the_end_of_jobs_and_the_health_of_other_services(
    services: dict[str, Service],
) -> None:
    for name, service in services.items():
        for needed, how in service.get("depends_on", {}).items():
            ends = is_one_shot(services[needed])
            expected = "service_completed_successfully" if ends else "service_healthy"
            assert how["condition"] == expected, (name, needed)
    assert set(services["worker"]["depends_on"]) >= {"migrations", "temporal"}


def test_ports_are_published_on_loopback_only(services: dict[str, Service]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert not any(service.get("network_mode") for service in services.values())


def test_there_is_no_default_password() -> None:
    text = COMPOSE.read_text()
    assert {found[2] for found in VARIABLE.finditer(text) if "PASSWORD" in found[1]} == {"?"}
    values = re.findall(r"^ +\w*(?:PASSWORD|PWD): (.*)$", text, re.M)
    assert len(values) == 3
    assert all(value.startswith('"${POSTGRES_PASSWORD:?') for value in values)


def test_each_certroll_variable_is_a_setting(services: dict[str, Service]) -> None:
    fields = {f"CERTROLL_{name}".upper() for name in Settings.model_fields}
    assert set(re.findall(r"\bCERTROLL_\w+", COMPOSE.read_text())) <= fields
    assert services["worker"]["environment"] == services["migrations"]["environment"]


def test_the_settings_name_the_services_of_the_file(
    services: dict[str, Service], compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = services["worker"]
    for name, value in worker["environment"].items():
        if value is not None:
            monkeypatch.setenv(name, value)
    settings = Settings()
    database, _, name = settings.get_database_url().partition("@")[2].partition(":5432/")
    assert name == services[database]["environment"]["POSTGRES_DB"]
    assert GIVEN["POSTGRES_PASSWORD"] in settings.get_database_url()
    assert settings.temporal_address == "temporal:7233"
    assert settings.kek_file == Path("/run/secrets/kek")
    assert worker["secrets"] == ["kek"]
    assert compose["secrets"]["kek"]["file"] == GIVEN["CERTROLL_KEK_FILE"]


def test_our_services_are_not_root_and_all_images_are_read_only(
    services: dict[str, Service],
) -> None:
    for name in ("worker", "migrations"):
        assert services[name]["user"] == GIVEN["KEK_OWNER"]
    for name, service in services.items():
        assert service["read_only"], name
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service.get("cap_drop") == (None if name == "postgresql" else ["ALL"])


@pytest.mark.parametrize("name", ["worker", "migrations"])
def test_every_command_exists(services: dict[str, Service], name: str) -> None:
    service = services[name]
    checks = service.get("healthcheck", {}).get("test", ["CMD", *service["command"]])
    assert checks[0] == "CMD"
    for program, *words in (service["command"], checks[1:]):
        assert (BIN / program).exists()
        if words:
            subprocess.run([BIN / program, *words, "--help"], check=True, capture_output=True)


async def test_the_namespace_is_created_once_and_found_afterwards(
    services: dict[str, Service], server: Client
) -> None:
    service = services["temporal-namespace"]
    (script,) = service["command"]
    assert script.count("--namespace default") == 2
    environment = {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "HOME": os.environ["HOME"],
        "TEMPORAL_ADDRESS": server.service_client.config.target_host,
    }
    results = []
    for _ in range(2):
        command = [*service["entrypoint"], script.replace("default", "of-this-test")]
        results.append(subprocess.run(command, env=environment, capture_output=True, text=True))
    assert [each.returncode for each in results] == [0, 0], results
    assert "successfully registered" in results[0].stdout
    assert "successfully registered" not in results[1].stdout
