"""What an identifier of the certificate store stands for."""

import time
from datetime import UTC, datetime

import pytest

from connectors.alibaba._bases.stored import StoredConnector, parse_milliseconds, to_hostnames
from tests.connectors.lab import Lab, Material
from tests.connectors.store_contract import HOST

DETAIL = "GetUserCertificateDetail"


def reader(lab: Lab) -> StoredConnector:
    connector = lab.connector("alibaba.mse")
    assert isinstance(connector, StoredConnector)
    return connector


def installed(lab: Lab, connector: StoredConnector, made: Material) -> str:
    return connector.cas.install(made.certificate, made.key).fields["cert_id"]


def looks(lab: Lab) -> int:
    """How often the store was asked about one certificate."""
    rows = lab.cloud.list_requests(lab.account)
    return [row["headers"]["x-acs-action"] for row in rows].count(DETAIL)


@pytest.mark.parametrize("ending", ["", "-cn-hangzhou"])
def test_a_certificate_is_known_by_its_number_with_or_without_the_region(
    lab: Lab, ending: str
) -> None:
    connector, made = reader(lab), lab.issue(HOST)
    number = installed(lab, connector, made)
    binding = connector.get_binding(number + ending)
    assert binding is not None
    assert binding.fingerprint == made.certificate.fingerprint
    assert binding.ref is not None
    assert binding.ref.fields["identifier"] == f"{number}-cn-hangzhou"


def test_many_resources_with_one_certificate_ask_the_store_once(lab: Lab) -> None:
    connector = reader(lab)
    number = installed(lab, connector, lab.issue(HOST))
    before = looks(lab)
    assert connector.get_binding(number) == connector.get_binding(number)
    assert looks(lab) == before + 1


def test_a_certificate_of_the_other_site_is_named_but_not_read(lab: Lab) -> None:
    connector = reader(lab)
    number = installed(lab, connector, lab.issue(HOST))
    before = looks(lab)
    binding = connector.get_binding(f"{number}-ap-southeast-1")
    assert binding is not None
    assert binding.fingerprint is None
    assert binding.ref is not None
    assert binding.ref.store == "alibaba.cas/intl"
    assert looks(lab) == before


@pytest.mark.parametrize("nothing", [None, ""])
def test_no_identifier_is_no_certificate(lab: Lab, nothing: str | None) -> None:
    assert reader(lab).get_binding(nothing) is None


def test_a_certificate_that_was_deleted_is_searched_again(lab: Lab) -> None:
    connector = reader(lab)
    gone = connector.get_binding("1-cn-hangzhou")
    assert gone is not None
    assert gone.fingerprint is None
    before = looks(lab)
    connector.get_binding("1-cn-hangzhou")
    assert looks(lab) == before + 1


def test_times_are_read_from_numbers_and_texts() -> None:
    assert (
        parse_milliseconds(1000)
        == parse_milliseconds("1000")
        == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    )
    assert parse_milliseconds(None) is parse_milliseconds("soon") is None


def test_only_host_names_are_kept() -> None:
    assert to_hostnames(("WWW.example.com", "*", "*.example.com", "")) == (
        "www.example.com",
        "*.example.com",
    )


@pytest.mark.parametrize(
    ("row", "algorithm", "issuer"),
    [
        ({"Algorithm": "RSA_2048", "Common": "a.b"}, "rsa", None),
        ({"Algorithm": "ECC", "Common": "a.b", "CertChain": []}, "ec", None),
        ({"Algorithm": "SM2", "CertChain": [{"IssuerCommonName": "R3"}]}, "sm2", None),
        (
            {
                "Algorithm": "Ed25519",
                "Common": "a.b",
                "CertChain": [
                    {"CommonName": "R3", "IssuerCommonName": "Root"},
                    {"CommonName": "a.b", "IssuerCommonName": "R3"},
                ],
            },
            None,
            "R3",
        ),
    ],
)
def test_key_and_issuer_are_read_as_far_as_the_store_shows_them(
    row: dict[str, object], algorithm: str | None, issuer: str | None, lab: Lab
) -> None:
    connector = reader(lab)
    connector._known["7"] = time.monotonic(), row
    binding = connector.get_binding("7")
    assert binding is not None
    assert (binding.algorithm, binding.issuer) == (algorithm, issuer)
