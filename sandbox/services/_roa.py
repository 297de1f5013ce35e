"""The base of products whose operations are named by method and path, with JSON in bodies."""

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from sandbox.cloud import Cloud
from sandbox.errors import ApiError
from sandbox.http import Request
from sandbox.service import Handler, Service, ServiceCall, operation


def route(method: str, path: str, name: str, resource: str = "") -> Callable[[Handler], Handler]:
    """Mark a method as an operation at `path`, whose parts in braces become parameters."""

    def mark(handler: Handler) -> Handler:
        handler.__dict__["route"] = (method, path)
        return operation(name, resource)(handler)

    return mark


class RoaService(Service):
    """A product of this style."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self._routes: dict[str, tuple[str, re.Pattern[str]]] = {}
        for one in (getattr(type(self), name) for name in dir(type(self))):
            if marked := getattr(one, "route", None):
                pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", marked[1])
                self._routes[one.operation[0]] = (marked[0], re.compile(pattern))

    def read(self, request: Request) -> ServiceCall:
        """Verify and decode a request; what its path names is added to its parameters."""
        call = super().read(request)
        method, pattern = self._routes[call.operation]
        found = pattern.fullmatch(request.path)
        if found is None or request.method != method:
            raise ApiError(
                "InvalidAction.NotFound",
                "Specified api is not found, please check your url and method.",
                404,
            )
        call.params.update({name: unquote(part) for name, part in found.groupdict().items()})
        return call


def read_body(call: ServiceCall) -> dict[str, Any]:
    """The JSON object of a call's body; raises ApiError where there is none."""
    try:
        body = json.loads(call.request.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise ApiError("InvalidArgument", "The body of the request is not a JSON object.")
    return body
