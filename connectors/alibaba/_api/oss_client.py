"""The one way to call object storage, which signs and speaks differently from all the others.

The cloud's own client for it is used without its retries, which would sleep inside, and with
connections of the same manners as everywhere here. Errors become the same classes, redacted.
"""

import threading
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

from connectors.alibaba._api.account import Settings
from connectors.alibaba._api.client import Api, lost, unreadable
from connectors.alibaba._api.errors import Answer, error_for
from connectors.alibaba._api.sdk import new_session
from domain.errors import CloudError, Transient
from domain.resources.connector import Pace, Unpaced

# Where the refusal has a finer code of its own that decides, it takes the place of the general one.
CERTIFICATE_CHANGED = "0018-00000209"
UNREADABLE = "BadErrorResponse"


@cache
def oss() -> ModuleType:
    """The client's module: 0.2 s and 37 MiB, so only what makes calls asks for it."""
    import alibabacloud_oss_v2

    module: ModuleType = alibabacloud_oss_v2
    return module


class OssClient:
    """Calls object storage with one account's key. Shared between threads."""

    def __init__(self, settings: Settings, api: Api, pace: Pace | None = None) -> None:
        self._settings = settings
        self._pace = pace or Unpaced()
        self._api = api
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def buckets(self, marker: str | None, most: int) -> Any:
        """One page of the account's buckets in all regions: `buckets`, `next_marker`."""
        request = oss().models.ListBucketsRequest(marker=marker, max_keys=most)
        region = self._settings.site.region
        reply = self._call("ListBuckets", region, lambda client: client.list_buckets(request))
        if reply.owner is None:  # an empty answer passes for one without buckets
            raise unreadable()
        return reply

    def cnames(self, bucket: str, region: str) -> list[Any]:
        """The domains of a bucket, with their certificates."""
        request = oss().models.ListCnameRequest(bucket=bucket)
        reply = self._call("ListCname", region, lambda client: client.list_cname(request))
        if reply.bucket is None:
            raise unreadable()
        return reply.cnames or []

    def put_cname(
        self, bucket: str, region: str, domain: str, wildcard: bool, **certificate: object
    ) -> None:
        """Changes a domain's certificate: `cert_id`, `previous_cert_id`, `force` and so on."""
        models = oss().models
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
        self._client(region)  # making it takes a while, which must not come after the turn
        self._pace.wait()
        outcome = self._attempt(action, region, send)
        if isinstance(outcome, Transient) and outcome.retry_after:
            self._pace.hold(outcome.retry_after)
        if isinstance(outcome, CloudError):
            raise outcome
        return outcome

    def _attempt(self, action: str, region: str, send: Callable[[Any], Any]) -> Any:
        client = self._client(region)
        try:
            return send(client)
        except Exception as error:  # noqa: BLE001 - whatever it is, it may hold the whole request
            return self._translated(error, action)

    def _client(self, region: str) -> Any:
        settings = self._settings
        with self._lock:
            if region not in self._clients:
                host = self._api.hosts[settings.site].format(region=region)
                config = oss().config.Config(
                    region=region,
                    endpoint=settings.endpoint or f"https://{host}",
                    use_path_style=settings.endpoint is not None,
                    credentials_provider=oss().credentials.StaticCredentialsProvider(
                        settings.access_key_id, settings.access_key_secret.get_secret_value()
                    ),
                    retry_max_attempts=1,
                    http_client=self._http_client(),
                )
                self._clients[region] = oss().Client(config)
            return self._clients[region]

    def _http_client(self) -> Any:
        from alibabacloud_oss_v2.transport import RequestsHttpClient

        return RequestsHttpClient(
            session=new_session(),
            connect_timeout=self._settings.connect_timeout,
            readwrite_timeout=self._settings.read_timeout,
        )

    def _translated(self, error: Exception, action: str) -> CloudError:
        inner = error.unwrap() if hasattr(error, "unwrap") else error
        status, code = getattr(inner, "status_code", None), getattr(inner, "code", None)
        if not isinstance(status, int):
            cause = inner.unwrap() if hasattr(inner, "unwrap") else inner
            return lost(cause, self._settings)
        if code == UNREADABLE:
            return unreadable()
        finer = getattr(inner, "ec", None)
        body = {
            "Code": finer if finer == CERTIFICATE_CHANGED else code,
            "Message": getattr(inner, "message", None),
            "RequestId": getattr(inner, "request_id", None),
        }
        wait = (getattr(inner, "headers", None) or {}).get("x-acs-retry-after", "")
        answer = Answer(status, body, int(wait) if wait.isdecimal() else None)
        return error_for(answer, f"{self._api.ram}:{action}", self._api.rules)
