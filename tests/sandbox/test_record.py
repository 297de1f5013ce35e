"""The file that shows each request as it was received."""

import json
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from alibabacloud_cas20200407 import models
from alibabacloud_tea_openapi.exceptions import ClientException
from darabonba.exceptions import UnretryableException

from tests.sandbox.conftest import Start
from tests.support.factory import Authority

FIELDS = ["at", "method", "path", "query", "headers", "body", "status"]


def test_every_request_is_a_line_with_what_came_and_what_was_answered(
    start: Start, authority: Authority, tmp_path: Path
) -> None:
    path = tmp_path / "record"
    path.touch(0o644)
    running = start("--record", str(path))
    leaf = authority.leaf()
    request = models.UploadUserCertificateRequest(
        name="n & co", cert=leaf.pem.decode(), key=leaf.key_pem.decode()
    )
    running.cas().upload_user_certificate(request)
    with pytest.raises(ClientException) as refused:
        running.cas().upload_user_certificate(request)
    assert refused.value.code == "NameRepeat"
    running.add_fault(kind="reset")
    with pytest.raises(UnretryableException):
        running.cas().upload_user_certificate(request)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["status"] for line in lines] == [200, 400, None]
    assert all(list(line) == FIELDS for line in lines)
    first = lines[0]
    assert (first["method"], first["path"], first["body"]) == ("POST", "/", "")
    assert first["headers"]["x-acs-action"] == "UploadUserCertificate"
    assert first["headers"]["host"] == running.address
    assert all(name == name.lower() for name in first["headers"])
    assert "Name=n%20%26%20co" in first["query"] or "Name=n+%26+co" in first["query"]
    assert parse_qs(first["query"])["Key"] == [leaf.key_pem.decode()], "nothing is redacted"
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_control_api_is_not_part_of_the_record(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "record"
    running = start("--record", str(path))
    running.control("GET", "health")
    assert path.read_text() == ""
