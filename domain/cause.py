"""The cause of an outcome, for the person who has to act; recorded with outcomes and findings."""

from typing import Self

from domain.errors import BadInput, CertrollError, CloudError, NeedsOperator, join_advice
from domain.model import Value


class Cause(Value):
    """Why an outcome is what it is.

    `code` is stable: the provider's code ("Throttling.User") or ours ("NotServed"). With
    `needs_operator` nothing changes until a person acts. With `unverified` the service reports the
    change as done, but no handshake has shown it. With `rolled_back` the task itself rolled the
    change back for this reason.
    """

    code: str
    message: str
    advice: str | None = None
    request_id: str | None = None
    needs_operator: bool = False
    rolled_back: bool = False
    unverified: bool = False

    @classmethod
    def from_error(cls, error: CertrollError) -> Self:
        """The cause of an outcome that ended in this error."""
        if isinstance(error, CloudError):
            return cls(
                code=error.code,
                message=error.message,
                advice=error.advice,
                request_id=error.request_id,
                needs_operator=isinstance(error, NeedsOperator),
            )
        if isinstance(error, BadInput):
            return cls(code=error.code, message=error.what, advice=error.fix)
        return cls(code=type(error).__name__, message=str(error))

    def __str__(self) -> str:
        return join_advice(f"{self.code}: {self.message}", self.advice)
