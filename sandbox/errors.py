"""Errors in the form of the cloud's gateway. The services raise them."""

from typing import Any


class ApiError(Exception):
    """An answer other than success: the cloud's own code and message, and the HTTP status."""

    def __init__(
        self, code: str, message: str, status: int = 400, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.headers = headers or {}

    def to_body(self, request_id: str, host: str, product: str) -> dict[str, Any]:
        """The JSON object that the gateway sends with this error."""
        return {
            "RequestId": request_id,
            "Message": self.message,
            "Recommend": "https://api.aliyun.com/troubleshoot"
            f"?q={self.code}&product={product}&requestId={request_id}",
            "HostId": host,
            "Code": self.code,
        }


def build_missing_error(parameter: str) -> ApiError:
    """The error for a mandatory parameter that is missing."""
    return ApiError(f"Missing{parameter}", f"{parameter} is mandatory for this action.")


def build_invalid_error(parameter: str) -> ApiError:
    """The error for a parameter with a wrong form or range."""
    return ApiError(f"Invalid{parameter}", f"Specified parameter {parameter} is not valid.")


def build_throttling_error(retry_after_ms: int | None) -> ApiError:
    """The error of flow control: HTTP 400, not 429. The header with the delay may be missing."""
    headers = {} if retry_after_ms is None else {"x-acs-retry-after": str(retry_after_ms)}
    return ApiError("Throttling.User", "Request was denied due to user flow control.", 400, headers)
