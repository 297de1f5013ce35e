"""Nothing secret passes through what is shown."""

import logging
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.alibaba._api.redact import MAX_LENGTH, QueryFilter, redact
from tests.support.factory import CA

KEY = CA().leaf(["a.example.com"]).key_pem.decode()
FORMS = [KEY, quote(KEY), quote(quote(KEY)), quote_plus(KEY), repr(KEY), KEY.replace("\n", "")]


@given(st.text(max_size=80), st.sampled_from(FORMS), st.text(max_size=80))
def test_a_private_key_passes_in_no_form(before: str, key: str, after: str) -> None:
    shown = redact(before + key + after)
    assert not any(line[:20] in shown for line in KEY.splitlines()[1:-1])


@given(st.text())
def test_what_is_shown_is_short(text: str) -> None:
    assert len(redact(text)) <= MAX_LENGTH + len("...")


def test_an_ordinary_message_stays_as_it_is() -> None:
    message = "The domain provided does not belong to you. 7A1B-22"
    assert redact(message) == message


def test_urls_lose_their_query() -> None:
    assert redact("see https://a.b/c?Key=x&d=e now") == "see https://a.b/c now"


def test_a_request_that_the_cloud_repeats_is_withheld() -> None:
    shown = redact("not matched. server string to sign is:POST\n/\nCert=abc&Key=def")
    assert shown == "not matched. server (request withheld)"


@pytest.mark.parametrize("level", [logging.DEBUG, logging.WARNING])
def test_log_lines_lose_the_query(level: int, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("tests.redact")
    caplog.set_level(logging.DEBUG)
    logger.addFilter(cut := QueryFilter())
    logger.log(level, '"%s %s HTTP/1.1" %s', "POST", "/?Key=abc", 200)
    logger.removeFilter(cut)
    assert caplog.messages == ['"POST / HTTP/1.1" 200']
