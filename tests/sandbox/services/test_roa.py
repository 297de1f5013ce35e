"""Operations that are shown by method and path."""

import http.client
from typing import Any

import pytest
from alibabacloud_fc20230330.client import Client as FunctionCompute
from alibabacloud_tea_openapi.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.utils_models import OpenApiRequest, Params
from darabonba.runtime import RuntimeOptions

from tests.sandbox.running import Running
from tests.sandbox.services.roa import ask


def call(cloud: Running, method: str, path: str, body: Any = None) -> Any:
    """GetDomain of the gateway with this method and path."""
    parameters = Params(
        action="GetDomain" if body is None else "UpdateDomain",
        version="2024-03-27",
        protocol="HTTPS",
        pathname=path,
        method=method,
        auth_type="AK",
        style="ROA",
        req_body_type="json",
        body_type="json",
    )
    request = OpenApiRequest(body=body)
    return Client(cloud.config()).call_api(parameters, request, RuntimeOptions())


def domain(cloud: Running) -> str:
    seed = {"service": "apig", "domains": [{"name": "roa.example.com"}]}
    cloud.control("POST", "seed", seed)
    rows = cloud.control("GET", "state?service=apig")["resources"]
    return str(rows[-1]["name"])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/domains/{id}"),
        ("GET", "/v2/domains/{id}"),
        ("GET", "/v1/domains"),
        ("GET", "/v1/domains/{id}/more"),
    ],
)
def test_another_method_or_path_is_no_operation(cloud: Running, method: str, path: str) -> None:
    with pytest.raises(ClientException) as caught:
        call(cloud, method, path.format(id=domain(cloud)))
    assert (caught.value.code, caught.value.status_code) == ("InvalidAction.NotFound", 404)


def test_the_path_names_what_is_meant_even_a_wildcard(cloud: Running) -> None:
    number, name = domain(cloud), "*.roa.example.com"
    answer = call(cloud, "GET", f"/v1/domains/{number}")
    assert answer["body"]["data"]["domainId"] == number
    seed = {"service": "function_compute", "domains": [{"name": name}]}
    cloud.control("POST", "seed", seed)
    assert ask(cloud, FunctionCompute, "get_custom_domain", name).domain_name == name


def test_a_body_that_is_no_object_is_refused(cloud: Running) -> None:
    with pytest.raises(ClientException) as caught:
        call(cloud, "PUT", f"/v1/domains/{domain(cloud)}", body=["a list"])
    assert caught.value.code == "InvalidArgument"


def test_an_unsigned_call_is_refused(cloud: Running) -> None:
    connection = http.client.HTTPConnection(cloud.address, timeout=10)
    headers = {"x-acs-version": "2024-03-27", "x-acs-action": "GetDomain"}
    connection.request("GET", "/v1/domains/d-1", headers=headers)
    answer = connection.getresponse()
    assert answer.status == 400
    assert b"IncompleteSignature" in answer.read()
    connection.close()
