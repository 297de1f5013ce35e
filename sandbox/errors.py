"""Errors as the cloud's gateway words them."""

from typing import Any


class CloudError(Exception):
    """An answer other than success: the cloud's own code and message, and the HTTP status."""

    def __init__(
        self, code: str, message: str, status: int = 400, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.headers = headers or {}

    def body(self, request_id: str, host: str, product: str) -> dict[str, Any]:
        """The JSON object that the gateway sends with this error."""
        return {
            "RequestId": request_id,
            "Message": self.message,
            "Recommend": "https://api.aliyun.com/troubleshoot"
            f"?q={self.code}&product={product}&requestId={request_id}",
            "HostId": host,
            "Code": self.code,
        }


def missing(parameter: str) -> CloudError:
    """What the gateway says when a mandatory parameter was not sent."""
    return CloudError(f"Missing{parameter}", f"{parameter} is mandatory for this action.")


def invalid(parameter: str) -> CloudError:
    """What the gateway says when a parameter has a form or range that it refuses."""
    return CloudError(f"Invalid{parameter}", f"Specified parameter {parameter} is not valid.")


def throttled(retry_after_ms: int | None) -> CloudError:
    """Flow control: HTTP 400, not 429; the header that tells how long to wait may be missing."""
    headers = {} if retry_after_ms is None else {"x-acs-retry-after": str(retry_after_ms)}
    return CloudError(
        "Throttling.User", "Request was denied due to user flow control.", 400, headers
    )
