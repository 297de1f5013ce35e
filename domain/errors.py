"""What can go wrong, named for what the caller should do about it.

* CertrollError
  x BadInput          the caller's own words are wrong: exit code 2, nothing was changed
  x CloudError        a provider refused or failed; carries its code and request id
    - Transient       try again, after `retry_after` seconds where the provider said so
    - NeedsOperator   someone must act first: a permission, a quota, a locked instance
    - Permanent       repeating cannot help
      . Drifted       the resource serves something that the plan does not know
      . NotServed     the service accepted the change, but a TLS handshake does not show it
      . ChainIncomplete  it shows the leaf, but clients cannot get from there to a root
      . NoLongerReachable  an endpoint answered before the change, and does not any more
"""

from collections.abc import Sequence


class CertrollError(Exception):
    """The root of the family; catch it only where a program ends."""


class BadInput(CertrollError):
    """What is wrong, where, and what to do, as one message for a person.

    `code` names the kind of mistake for programs and tests ("unknown-certificate"); it stays the
    same when the words change.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        fix: str | None = None,
        code: str = "bad-input",
    ) -> None:
        self.what, self.where, self.fix, self.code = what, where, fix, code
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
    """Accepted by the service, but not shown by a handshake within its propagation time.

    `also` are more endpoints that do not show it, with what they show; `shown` those that do.
    """

    def __init__(
        self,
        endpoint: str,
        seen: str,
        wanted: str,
        seconds: float,
        *,
        also: Sequence[str] = (),
        shown: Sequence[str] = (),
    ) -> None:
        others = "".join(f"; {each}" for each in also)
        new = f"; {', '.join(shown)} serves the new one" if shown else ""
        super().__init__(
            f"{endpoint} still serves {seen} instead of {wanted} "
            f"after {seconds:.3g} s{others}{new}",
            code="NotServed",
            advice="Check that the name resolves to this service, then deploy again or roll back.",
        )


class ChainIncomplete(Permanent):
    """The new leaf is served, but without what leads clients from it to a root."""

    def __init__(self, endpoint: str, problem: str) -> None:
        super().__init__(
            f"{endpoint} {problem}",
            code="ChainIncomplete",
            advice="Many clients refuse this. See that the service was given the whole chain, "
            "then deploy again or roll back.",
        )


class NoLongerReachable(Permanent):
    """An endpoint that answered before the change and does not any more: it may be broken."""

    def __init__(self, endpoint: str, problem: str) -> None:
        super().__init__(
            f"{endpoint} answered before the change and does not any more: {problem}",
            code="NoLongerReachable",
            advice="Look whether the resource still serves; then deploy again or roll back.",
        )
