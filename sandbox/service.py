"""What a service module builds on: operations by name, parameters by type, seeds."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from sandbox import older_signature, signature
from sandbox.cloud import Cloud
from sandbox.errors import CloudError, invalid, missing
from sandbox.http import Reply, Request
from sandbox.options import Account
from sandbox.signature import Nonces


class Params(dict[str, str]):
    """The parameters of a call, from the query and from a form body alike."""

    def need(self, name: str) -> str:
        """A text that must be there."""
        value = self.get(name, "")
        if not value:
            raise missing(name)
        return value

    def number(self, name: str, default: int, low: int = 1, high: int = 1_000_000_000) -> int:
        """A whole number within a range."""
        text = self.get(name, str(default))
        if not text.isdecimal() or not low <= int(text) <= high:
            raise invalid(name)
        return int(text)

    def flag(self, name: str, default: bool = False) -> bool:
        """A truth value, in any case: clients write `True`, `true` or `1`."""
        return self.get(name, str(default)).lower() in ("true", "1")

    def listed(self, name: str) -> list["Params"]:
        """A list that was flattened to `Name.1.Field` or `Name.1`; the latter has the field ""."""
        items: dict[int, Params] = {}
        for key, value in self.items():
            prefix, _, rest = key.partition(".")
            index, _, field = rest.partition(".")
            if prefix == name and index.isdecimal():
                items.setdefault(int(index), Params())[field] = value
        return [items[index] for index in sorted(items)]


@dataclass(slots=True)
class Call:
    """A verified call of one operation; `unserved` is to be handed on to `Resources.bind`."""

    request: Request
    account: Account
    operation: str
    params: Params
    unserved: bool = False

    @property
    def region(self) -> str:
        """The region that is meant; elsewhere each has its own host, so it may come as a header."""
        told = self.params.get("RegionId") or self.request.headers.get("x-acs-region-id")
        return told or self.account.region


Handler = Callable[[Any, Call], dict[str, Any]]


def operation(name: str, resource: str = "") -> Callable[[Handler], Handler]:
    """Mark a method as an operation; `resource` is the parameter that names what it is about."""

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

    def claims(self, request: Request) -> bool:
        """Whether a request is for this service; APIs differ in their version."""
        return request.headers.get("x-acs-version") == self.version

    def read(self, request: Request) -> Call:
        """Verify and decode a request; raises CloudError."""
        how = older_signature if older_signature.signs(request) else signature
        account = how.verify(request, self.cloud.accounts, self._nonces)
        name = request.headers["x-acs-action"]
        if name not in self._operations:
            raise CloudError(
                "InvalidAction.NotFound",
                "Specified api is not found, please check your url and method.",
                404,
            )
        return Call(request, account, name, Params(older_signature.parameters(request)))

    def resource_of(self, call: Call) -> str:
        """The name that fault rules match: a domain, a certificate's name or id."""
        return call.params.get(self._operations[call.operation][1], "")

    def perform(self, call: Call) -> dict[str, Any]:
        """Apply a call and give back the fields of its answer; raises CloudError."""
        return self._operations[call.operation][0](self, call)

    def success(self, fields: dict[str, Any], request_id: str) -> Reply:
        """An answer as this product sends it."""
        return json_reply(200, {"RequestId": request_id, **fields})

    def failure(self, error: CloudError, request: Request, request_id: str) -> Reply:
        """An error as this product sends it."""
        host = request.headers.get("host", "")
        reply = json_reply(error.status, error.body(request_id, host, self.product.capitalize()))
        reply.headers.update(error.headers)
        return reply

    def seed(self, account: Account, entry: dict[str, Any], *, keep: bool) -> int:
        """Create what a seed describes and say how many; with `keep` what exists stays as it is.

        Raises ValueError or KeyError when the entry is malformed.
        """
        raise ValueError(f"{self.product} cannot be seeded")


def json_reply(status: int, data: Any) -> Reply:
    """A JSON answer without blanks."""
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return Reply(status, body.encode())
