"""The base of all services: operations by name, parameters by type, seeds."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from sandbox import older_signature, signature
from sandbox.cloud import Cloud
from sandbox.errors import ApiError, build_invalid_error, build_missing_error
from sandbox.http import Reply, Request
from sandbox.options import SandboxAccount
from sandbox.signature import Nonces


class Params(dict[str, str]):
    """The parameters of a call, from the query and from a form body alike."""

    def require(self, name: str) -> str:
        """A text; raises ApiError if it is missing or empty."""
        value = self.get(name, "")
        if not value:
            raise build_missing_error(name)
        return value

    def get_number(self, name: str, default: int, low: int = 1, high: int = 1_000_000_000) -> int:
        """A whole number within a range."""
        text = self.get(name, str(default))
        if not text.isdecimal() or not low <= int(text) <= high:
            raise build_invalid_error(name)
        return int(text)

    def get_flag(self, name: str, default: bool = False) -> bool:
        """A truth value, in any case: clients write `True`, `true` or `1`."""
        return self.get(name, str(default)).lower() in ("true", "1")

    def get_list(self, name: str) -> list["Params"]:
        """A list that was flattened to `Name.1.Field` or `Name.1`; the latter has the field ""."""
        items: dict[int, Params] = {}
        for key, value in self.items():
            prefix, _, rest = key.partition(".")
            index, _, field = rest.partition(".")
            if prefix == name and index.isdecimal():
                items.setdefault(int(index), Params())[field] = value
        return [items[index] for index in sorted(items)]


@dataclass(slots=True)
class ServiceCall:
    """A verified call of one operation; `unserved` is to be handed on to `Resources.bind`."""

    request: Request
    account: SandboxAccount
    operation: str
    params: Params
    unserved: bool = False

    @property
    def region(self) -> str:
        """The region of the call. The real cloud has a host per region; here a header names it."""
        region = self.params.get("RegionId") or self.request.headers.get("x-acs-region-id")
        return region or self.account.region


Handler = Callable[[Any, ServiceCall], dict[str, Any]]


def operation(name: str, resource: str = "") -> Callable[[Handler], Handler]:
    """Marks a method as an operation; `resource` is the parameter that names its resource."""

    def mark(handler: Handler) -> Handler:
        handler.__dict__["operation"] = (name, resource)
        return handler

    return mark


class Service:
    """One product. A module under sandbox/services/ holds one and names it SERVICE."""

    product: ClassVar[str]  # as in fault rules and seeds, e.g. "cdn"
    version: ClassVar[str]  # of its API, e.g. "2018-05-10"

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self._nonces = Nonces()
        self._operations: dict[str, tuple[Handler, str]] = {}
        for one in (getattr(type(self), name) for name in dir(type(self))):
            if marked := getattr(one, "operation", None):
                name, resource = marked
                self._operations[name] = (one, resource)

    def is_for(self, request: Request) -> bool:
        """Whether a request is for this service. The version of the API decides."""
        return request.headers.get("x-acs-version") == self.version

    def read(self, request: Request) -> ServiceCall:
        """Verify and decode a request; raises ApiError."""
        how = older_signature if older_signature.is_signed(request) else signature
        account = how.verify(request, self.cloud.accounts, self._nonces)
        name = request.headers["x-acs-action"]
        if name not in self._operations:
            raise ApiError(
                "InvalidAction.NotFound",
                "Specified api is not found, please check your url and method.",
                404,
            )
        return ServiceCall(request, account, name, Params(older_signature.read_parameters(request)))

    def get_resource_name(self, call: ServiceCall) -> str:
        """The name that fault rules match: a domain, a certificate's name or id."""
        return call.params.get(self._operations[call.operation][1], "")

    def perform(self, call: ServiceCall) -> dict[str, Any]:
        """Applies a call and returns the fields of its answer; raises ApiError."""
        return self._operations[call.operation][0](self, call)

    def build_success(self, fields: dict[str, Any], request_id: str) -> Reply:
        """An answer as this product sends it."""
        return build_json_reply(200, {"RequestId": request_id, **fields})

    def build_failure(self, error: ApiError, request: Request, request_id: str) -> Reply:
        """An error as this product sends it."""
        host = request.headers.get("host", "")
        reply = build_json_reply(
            error.status, error.to_body(request_id, host, self.product.capitalize())
        )
        reply.headers.update(error.headers)
        return reply

    def seed(self, account: SandboxAccount, entry: dict[str, Any], *, keep_existing: bool) -> int:
        """Creates what a seed describes and returns the number of resources.

        With `keep_existing` existing resources stay as they are.

        Raises ValueError or KeyError when the entry is malformed.
        """
        raise ValueError(f"{self.product} cannot be seeded")


def build_json_reply(status: int, data: Any) -> Reply:
    """A JSON answer without blanks."""
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return Reply(status, body.encode())
