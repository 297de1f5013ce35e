"""Calls Alibaba Cloud: endpoint per site, timeouts, error classes, redaction.

The connectors call it for every product but object storage, which has `oss_client`.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

import requests

from connectors.alibaba._api.account import AlibabaSettings, Site
from connectors.alibaba._api.errors import ErrorAnswer, ErrorRule, build_error
from connectors.alibaba._api.sdk import connect, load_sdk
from domain.errors import CloudError, NeedsOperator, Transient
from domain.resources.connector import CallRateLimit, NoRateLimit

JsonReply = dict[str, Any]


@dataclass(frozen=True)
class Api:
    """One product's interface.

    `ram` is its prefix in permissions ("yundun-cert"). `hosts` is its host per site, which may hold
    "{region}". `rules` classify its own error codes.
    """

    ram: str
    version: str
    hosts: Mapping[Site, str]
    style: Literal["RPC", "ROA"] = "RPC"
    rules: tuple[ErrorRule, ...] = field(default=())


class Client:
    """Calls one product with one account's key. Shared between threads."""

    def __init__(
        self, settings: AlibabaSettings, api: Api, rate_limit: CallRateLimit | None = None
    ) -> None:
        self._settings = settings
        self._rate_limit = rate_limit or NoRateLimit()
        self._api = api
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def call(
        self,
        action: str,
        query: Mapping[str, object] | None = None,
        *,
        body: Mapping[str, object] | None = None,
        method: str = "POST",
        path: str = "/",
        region: str = "",
    ) -> JsonReply:
        """The JSON object that the product answers.

        `query` and `body` may nest lists and mappings. The body is sent as a form in RPC style and
        as JSON in ROA style. Raises Transient, NeedsOperator or Permanent. These errors have
        neither cause nor context, because the official client's own errors hold whole URLs, private
        keys included.
        """
        self._client(
            region
        )  # building it takes a while: it must not delay a call that has its permit
        self._rate_limit.wait()
        outcome = self._attempt(action, query or {}, body, method, path, region)
        if isinstance(outcome, Transient) and outcome.retry_after:
            self._rate_limit.pause(outcome.retry_after)
        if isinstance(outcome, CloudError):
            raise outcome
        return outcome

    def _attempt(
        self,
        action: str,
        query: Mapping[str, object],
        body: Mapping[str, object] | None,
        method: str,
        path: str,
        region: str,
    ) -> JsonReply | CloudError:
        models = load_sdk().open_api_util_models
        style = self._api.style
        parameters = models.Params(
            action=action,
            version=self._api.version,
            protocol="HTTPS",
            pathname=path,
            method=method,
            auth_type="AK",
            style=style,
            req_body_type="formData" if style == "RPC" else "json",
            body_type="json",
        )
        given = {name: value for name, value in query.items() if value is not None}
        # One URL for all regions needs the region in a header.
        headers = {"x-acs-region-id": region} if region and self._settings.endpoint else {}
        request = models.OpenApiRequest(
            query=load_sdk().Utils.query(given), body=body, headers=headers
        )
        client = self._client(region)
        try:
            answer = client.call_api(parameters, request, load_sdk().RuntimeOptions())
        except Exception as error:  # noqa: BLE001 - whatever it is, it may hold the private key
            return self._to_error(error, action)
        reply = answer.get("body")
        return reply if isinstance(reply, dict) else build_unreadable_error()

    def _client(self, region: str) -> Any:
        settings = self._settings
        host = self._api.hosts[settings.site].format(region=region)
        with self._lock:
            if host not in self._clients:
                url = urlsplit(settings.endpoint or f"https://{host}")
                self._clients[host] = connect(
                    url.scheme,
                    url.netloc,
                    access_key_id=settings.access_key_id,
                    access_key_secret=settings.access_key_secret.get_secret_value(),
                    connect_timeout=int(settings.connect_timeout * 1000),
                    read_timeout=int(settings.read_timeout * 1000),
                )
            return self._clients[host]

    def _to_error(self, error: Exception, action: str) -> CloudError:
        status, body = getattr(error, "status_code", None), getattr(error, "data", None)
        if isinstance(status, int) and isinstance(body, dict):
            answer = ErrorAnswer(status, body, getattr(error, "retry_after", None))
            return build_error(answer, f"{self._api.ram}:{action}", self._api.rules)
        inner = getattr(error, "inner_exception", None)
        return to_connection_error(getattr(inner, "__context__", None), self._settings)


def to_connection_error(cause: BaseException | None, settings: AlibabaSettings) -> CloudError:
    """The error for a call without an answer. Only the type of `cause` is used."""
    match cause:
        case requests.ConnectTimeout():
            return Transient(f"no connection in {settings.connect_timeout:g} s", code="Timeout")
        case requests.Timeout():
            return Transient(f"no answer in {settings.read_timeout:g} s", code="Timeout")
        case requests.exceptions.ProxyError():
            return Transient(
                "the proxy did not let the call through",
                code="ProxyFailed",
                advice="Check HTTPS_PROXY and NO_PROXY.",
            )
        case requests.exceptions.SSLError() if "CERTIFICATE_VERIFY_FAILED" in str(cause):
            return NeedsOperator(
                "the endpoint's own certificate is not trusted",
                code="UntrustedEndpoint",
                advice="Check the account's endpoint, and that no proxy opens the traffic.",
            )
        case requests.RequestException():
            return Transient("the connection failed or was lost", code="ConnectionLost")
        case _:
            return build_unreadable_error()


def build_unreadable_error() -> Transient:
    """The error for an answer that cannot be read."""
    return Transient("the answer is not the JSON that was expected", code="UnreadableAnswer")
