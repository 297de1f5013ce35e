"""Calls object storage, whose signature and format differ from all other products.

The OSS connector calls it. It uses the cloud's own client without its retries, which would sleep
inside, and with the sessions of `sdk`. Errors become the same classes as elsewhere, redacted.
"""

import threading
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

from connectors.alibaba._api.account import AlibabaSettings
from connectors.alibaba._api.client import Api, build_unreadable_error, to_connection_error
from connectors.alibaba._api.errors import ErrorAnswer, build_error
from connectors.alibaba._api.sdk import new_session
from domain.errors import CloudError, Transient
from domain.resources.connector import CallRateLimit, NoRateLimit

# This detailed code (EC) replaces the general code of a refusal, because it decides what to do.
CERTIFICATE_CHANGED = "0018-00000209"
UNREADABLE = "BadErrorResponse"


@cache
def load_oss() -> ModuleType:
    """The client's module. Loading takes 0.2 s and 37 MiB, so only what makes calls loads it."""
    import alibabacloud_oss_v2

    module: ModuleType = alibabacloud_oss_v2
    return module


class OssClient:
    """Calls object storage with one account's key. Shared between threads."""

    def __init__(
        self, settings: AlibabaSettings, api: Api, rate_limit: CallRateLimit | None = None
    ) -> None:
        self._settings = settings
        self._rate_limit = rate_limit or NoRateLimit()
        self._api = api
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def list_buckets(self, marker: str | None, most: int) -> Any:
        """One page of the account's buckets in all regions: `buckets`, `next_marker`."""
        request = load_oss().models.ListBucketsRequest(marker=marker, max_keys=most)
        region = self._settings.site.region
        reply = self._call("ListBuckets", region, lambda client: client.list_buckets(request))
        if reply.owner is None:  # the client reads an empty answer as one without buckets
            raise build_unreadable_error()
        return reply

    def list_cnames(self, bucket: str, region: str) -> list[Any]:
        """The domains of a bucket, with their certificates."""
        request = load_oss().models.ListCnameRequest(bucket=bucket)
        reply = self._call("ListCname", region, lambda client: client.list_cname(request))
        if reply.bucket is None:
            raise build_unreadable_error()
        return reply.cnames or []

    def put_cname(
        self, bucket: str, region: str, domain: str, wildcard: bool, **certificate: object
    ) -> None:
        """Changes a domain's certificate by `cert_id`, `previous_cert_id`, `force` and so on."""
        models = load_oss().models
        cname = models.Cname(
            domain=domain,
            is_wild_card=True if wildcard else None,
            certificate_configuration=models.CertificateConfiguration(**certificate),
        )
        request = models.PutCnameRequest(
            bucket=bucket, bucket_cname_configuration=models.BucketCnameConfiguration(cname=cname)
        )
        self._call("PutCname", region, lambda client: client.put_cname(request))

    def _call(self, action: str, region: str, send: Callable[[Any], Any]) -> Any:
        """Raises Transient, NeedsOperator or Permanent, with neither cause nor context."""
        self._client(
            region
        )  # building it takes a while: it must not delay a call that has its permit
        self._rate_limit.wait()
        outcome = self._attempt(action, region, send)
        if isinstance(outcome, Transient) and outcome.retry_after:
            self._rate_limit.pause(outcome.retry_after)
        if isinstance(outcome, CloudError):
            raise outcome
        return outcome

    def _attempt(self, action: str, region: str, send: Callable[[Any], Any]) -> Any:
        client = self._client(region)
        try:
            return send(client)
        except Exception as error:  # noqa: BLE001 - whatever it is, it may hold the whole request
            return self._to_error(error, action)

    def _client(self, region: str) -> Any:
        settings = self._settings
        with self._lock:
            if region not in self._clients:
                host = self._api.hosts[settings.site].format(region=region)
                config = load_oss().config.Config(
                    region=region,
                    endpoint=settings.endpoint or f"https://{host}",
                    use_path_style=settings.endpoint is not None,
                    credentials_provider=load_oss().credentials.StaticCredentialsProvider(
                        settings.access_key_id, settings.access_key_secret.get_secret_value()
                    ),
                    retry_max_attempts=1,
                    http_client=self._build_http_client(),
                )
                self._clients[region] = load_oss().Client(config)
            return self._clients[region]

    def _build_http_client(self) -> Any:
        from alibabacloud_oss_v2.transport import RequestsHttpClient

        return RequestsHttpClient(
            session=new_session(),
            connect_timeout=self._settings.connect_timeout,
            readwrite_timeout=self._settings.read_timeout,
        )

    def _to_error(self, error: Exception, action: str) -> CloudError:
        inner = error.unwrap() if hasattr(error, "unwrap") else error
        status, code = getattr(inner, "status_code", None), getattr(inner, "code", None)
        if not isinstance(status, int):
            cause = inner.unwrap() if hasattr(inner, "unwrap") else inner
            return to_connection_error(cause, self._settings)
        if code == UNREADABLE:
            return build_unreadable_error()
        finer = getattr(inner, "ec", None)
        body = {
            "Code": finer if finer == CERTIFICATE_CHANGED else code,
            "Message": getattr(inner, "message", None),
            "RequestId": getattr(inner, "request_id", None),
        }
        wait = (getattr(inner, "headers", None) or {}).get("x-acs-retry-after", "")
        answer = ErrorAnswer(status, body, int(wait) if wait.isdecimal() else None)
        return build_error(answer, f"{self._api.ram}:{action}", self._api.rules)
