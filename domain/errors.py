"""All errors that certroll raises, one class for each reaction of the caller.

* CertrollError
  x BadInput          the input is wrong: exit code 2, nothing was changed
  x CloudError        a provider refused or failed; carries its code and request id
    - Transient       try again, after `retry_after` seconds if the provider gave them
    - NeedsOperator   a person must act first: a permission, a quota, a locked instance
    - Permanent       another attempt gives the same answer
      . Drifted       the resource serves a certificate that the plan does not know
      . NotServed     the service accepted the change, but a TLS handshake does not show it
      . ChainIncomplete  the leaf is served, but clients cannot build a chain to a root
      . NoLongerReachable  an endpoint answered before the change and no longer does
  x Waiting           no failure: look again in some seconds, and give up the slot meanwhile
"""

from collections.abc import Sequence


def join_advice(text: str, advice: str | None) -> str:
    """What is wrong and what to do as two sentences."""
    if not advice:
        return text
    return f"{text} {advice}" if text.endswith((".", "!", "?")) else f"{text}. {advice}"


class CertrollError(Exception):
    """The base of all errors here; catch it only where a program ends."""


class BadInput(CertrollError):
    """The input is wrong: what, where, and what to do.

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
    """A provider refused a request or failed.

    `code` is the provider's error code ("Throttling.User") or ours ("Timeout"). The provider's
    support asks for `request_id`. `advice` says what a person can do.
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
        parts = [join_advice(f"{self.code}: {self.message}", self.advice)]
        if self.request_id:
            parts.append(f"(request {self.request_id})")
        return " ".join(parts)


class Transient(CloudError):
    """May work in a moment: throttling, a server's failure, a lost connection, a busy resource."""


class NeedsOperator(CloudError):
    """Works again once a person has acted; not retried automatically."""


class Permanent(CloudError):
    """Another attempt gives the same answer."""


class Drifted(Permanent):
    """The resource serves neither the certificate before the change nor the one after it."""

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(
            f"serves {found}, but the plan expects {expected}",
            code="Drifted",
            advice="Someone changed it since the plan was made: sync the inventory, check the "
            "resource, and plan again.",
        )


class NotServed(Permanent):
    """The service accepted the change, but no handshake shows it within the propagation time.

    `other_failures` says what other endpoints serve instead; `served_at` are the endpoints that
    serve the new certificate.
    """

    def __init__(
        self,
        endpoint: str,
        found: str,
        expected: str,
        seconds: float,
        *,
        other_failures: Sequence[str] = (),
        served_at: Sequence[str] = (),
    ) -> None:
        self.endpoint, self.found, self.expected = endpoint, found, expected
        self.other_failures, self.served_at = tuple(other_failures), tuple(served_at)
        others = "".join(f"; {each}" for each in other_failures)
        new = f"; {', '.join(served_at)} serves the new one" if served_at else ""
        super().__init__(
            f"{endpoint} still serves {found} instead of {expected} "
            f"after {seconds:.3g} s{others}{new}",
            code="NotServed",
            advice="Check that the name resolves to this service, then deploy again or roll back.",
        )


class ChainIncomplete(Permanent):
    """The new leaf is served, but without the intermediates that lead to a root."""

    def __init__(self, endpoint: str, problem: str) -> None:
        self.endpoint, self.problem = endpoint, problem
        super().__init__(
            f"{endpoint} {problem}",
            code="ChainIncomplete",
            advice="Many clients refuse this. Check that the service has the whole chain, then "
            "deploy again or roll back.",
        )


class NoLongerReachable(Permanent):
    """An endpoint answered before the change and no longer does: the change may have broken it."""

    def __init__(self, endpoint: str, problem: str) -> None:
        self.endpoint, self.problem = endpoint, problem
        super().__init__(
            f"{endpoint} answered before the change and no longer does: {problem}",
            code="NoLongerReachable",
            advice="Check whether the resource still serves; then deploy again or roll back.",
        )


class Waiting(CertrollError):
    """A lock, a call permit or a job of the service is not ready: ask again in `seconds`.

    It is no failure. Whoever raises it frees its slot and lets the next attempt ask.
    """

    def __init__(self, what: str, *, code: str, seconds: float) -> None:
        self.what, self.code, self.seconds = what, code, seconds
        super().__init__(what, code, seconds)

    def __str__(self) -> str:
        return f"{self.code}: {self.what}"
