"""The gateway of the API: dispatches calls to services and applies faults. `server` runs it."""

import asyncio
import math
import time
import uuid
from collections import Counter

from sandbox.cloud import Cloud
from sandbox.control import Control
from sandbox.errors import ApiError, build_throttling_error
from sandbox.faults import FaultRule
from sandbox.http import Hangup, Reply, Request
from sandbox.older_signature import to_headers
from sandbox.record import Recorder
from sandbox.service import Service, ServiceCall, build_json_reply


class CallBudget:
    """The calls per second for one account, product and operation."""

    def __init__(self, per_second: int | None) -> None:
        self._per_second = per_second
        self._second = 0
        self._spent: Counter[tuple[str, str, str]] = Counter()

    def spend(self, account: str, product: str, operation: str) -> None:
        """Raises ApiError when the second's calls are used up."""
        if self._per_second is None:
            return
        now = time.time()
        if int(now) != self._second:
            self._second = int(now)
            self._spent.clear()
        self._spent[account, product, operation] += 1
        if self._spent[account, product, operation] > self._per_second:
            raise build_throttling_error(math.ceil((self._second + 1 - now) * 1000))


class Gateway:
    """Answers every request on the API's port."""

    def __init__(
        self, cloud: Cloud, services: list[Service], control: Control, recorder: Recorder
    ) -> None:
        self._cloud = cloud
        self._services = services
        self._control = control
        self._recorder = recorder
        self._budget = CallBudget(cloud.options.qps)

    async def answer(self, request: Request) -> Reply | Hangup:
        """Answers one request, or says how its connection ends without an answer."""
        if request.path.startswith("/_sandbox/"):
            return self._control.answer(request)
        arrived = time.time()
        if self._cloud.latency_ms:
            await asyncio.sleep(self._cloud.latency_ms / 1000)
        answer = await self._dispatch(to_headers(request))
        self._recorder.write(request, answer.status if isinstance(answer, Reply) else None, arrived)
        return answer

    async def _dispatch(self, request: Request) -> Reply | Hangup:
        request_id = str(uuid.uuid4()).upper()
        service = next((one for one in self._services if one.is_for(request)), None)
        if service is None:
            error = ApiError("InvalidVersion", "Specified parameter Version is not valid.")
            host = request.headers.get("host", "")
            return build_json_reply(error.status, error.to_body(request_id, host, ""))
        try:
            call = service.read(request)
            answer = await self._perform(service, call, request_id)
        except ApiError as error:
            self._control.count_call(service.product, request, error.code)
            answer = service.build_failure(error, request, request_id)
        else:
            self._control.count_call(service.product, request, "OK")
        if isinstance(answer, Reply):
            answer.headers["x-acs-request-id"] = request_id
        return answer

    async def _perform(
        self, service: Service, call: ServiceCall, request_id: str
    ) -> Reply | Hangup:
        self._budget.spend(call.account.access_key_id, service.product, call.operation)
        resource = service.get_resource_name(call)
        rule = self._cloud.faults.take(service.product, call.operation, resource)
        if rule is None:
            return service.build_success(service.perform(call), request_id)
        early = await _apply_before_call(rule, call)
        if early is not None:
            return early
        fields = service.perform(call)
        return Hangup.CLOSE if rule.kind == "lost" else service.build_success(fields, request_id)


async def _apply_before_call(rule: FaultRule, call: ServiceCall) -> Reply | Hangup | None:
    """Applies the part of a fault before the call; None if the call continues."""
    match rule.kind:
        case "throttle":
            raise build_throttling_error(rule.retry_after_ms)
        case "error":
            raise ApiError(rule.code, rule.message, rule.status or 400)
        case "5xx" if rule.html:
            page = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
            return Reply(rule.status or 502, page, content_type="text/html")
        case "5xx":
            raise ApiError(
                "ServiceUnavailable",
                "The request has failed due to a temporary failure of the server.",
                rule.status or 503,
            )
        case "reset":
            return Hangup.RESET
        case "hang":
            await asyncio.sleep(rule.seconds)
            return Hangup.CLOSE if call.request.is_gone() else None
        case "unserved":
            call.unserved = True
        case _:  # "lost" strikes when the call has been applied
            pass
    return None
