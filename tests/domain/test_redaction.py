"""Private keys are redacted in every notation; everything else stays."""

import json
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from domain.redaction import REDACTED, redact_secrets
from tests.support.factory import CA

MIDDLE = "MIGHAgEAMBMGByqGSM49AgEG"
KINDS = ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"]


def pem(kind: str = "PRIVATE KEY") -> str:
    return f"-----BEGIN {kind}-----\n{MIDDLE}\n-----END {kind}-----\n"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("write", [str, repr, json.dumps, quote, quote_plus])
def test_a_key_is_redacted_in_every_notation(kind: str, write: Any) -> None:
    text = redact_secrets(f"before {write(pem(kind))} after")
    assert MIDDLE not in text
    assert REDACTED in text
    assert text.startswith("before")


def test_a_truncated_key_is_redacted_too() -> None:
    assert MIDDLE not in redact_secrets(pem().partition("-----END")[0])


def test_real_keys_are_redacted_and_certificates_stay() -> None:
    leaf = CA().leaf()
    certificate, key = leaf.leaf_pem.decode(), leaf.key_pem.decode()
    text = redact_secrets(f"{certificate}{key}{certificate}")
    assert text.count("BEGIN CERTIFICATE") == 2
    assert not any(line in text for line in key.splitlines()[1:-1])


def test_query_parameters_that_hold_a_key_are_redacted() -> None:
    url = f"https://cdn.example.com/?Action=Set&SSLPri={MIDDLE}&Domain=a.example.com"
    text = redact_secrets(url)
    assert MIDDLE not in text
    assert text.endswith("&Domain=a.example.com")
