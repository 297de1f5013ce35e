"""What can go wrong, named for what the caller should do about it.

* CertrollError
  x BadInput          the caller's own words are wrong: exit code 2, nothing was changed
  x CloudError        a provider refused or failed; carries its code and request id
    - Transient       try again, after `retry_after` seconds where the provider said so
    - NeedsOperator   someone must act first: a permission, a quota, a locked instance
    - Permanent       repeating cannot help
      . Drifted       the resource serves something that the plan does not know
      . NotServed     the service accepted the change, but a TLS handshake does not show it
"""


class CertrollError(Exception):
    """The root of the family; catch it only where a program ends."""


class BadInput(CertrollError):
    """What is wrong, where, and what to do, as one message for a person."""

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        self.what, self.where, self.fix = what, where, fix
        super().__init__(what, where, fix)

    def __str__(self) -> str:
        located = f"{self.where}: {self.what}" if self.where else self.what
        return f"{located}. {self.fix}" if self.fix else located


class CloudError(CertrollError):
    """A provider's refusal or failure.

    `code` is the provider's error code ("Throttling.User") or a word of ours ("Timeout"),
    `request_id` what its support asks for, `advice` what a person can do.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        request_id: str | None = None,
        advice: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.message, self.code, self.request_id = message, code, request_id
        self.advice, self.retry_after = advice, retry_after
        super().__init__(message, code, request_id)

    def __str__(self) -> str:
        parts = [f"{self.code}: {self.message}"]
        if self.advice:
            parts.append(self.advice)
        if self.request_id:
            parts.append(f"(request {self.request_id})")
        return " ".join(parts)


class Transient(CloudError):
    """May work in a moment: throttling, a server's failure, a lost connection, a busy resource."""


class NeedsOperator(CloudError):
    """Works again once someone has acted; not repeated by itself."""


class Permanent(CloudError):
    """Repeating the same call gives the same answer."""


class Drifted(Permanent):
    """The resource serves neither what the plan found nor what it wants."""

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(
            f"serves {found}, but the plan expects {expected}",
            code="Drifted",
            advice="Someone changed it since the plan was made: sync, look, and plan again.",
        )


class NotServed(Permanent):
    """Accepted by the service, but not shown by a handshake within its propagation time."""

    def __init__(self, endpoint: str, seen: str, wanted: str, seconds: float) -> None:
        super().__init__(
            f"{endpoint} still serves {seen} instead of {wanted} after {seconds:g} s",
            code="NotServed",
            advice="Check that the name resolves to this service, then deploy again or roll back.",
        )
