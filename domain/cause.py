"""Why an outcome is what it is, for the person who has to act."""

from typing import Self

from domain.errors import BadInput, CertrollError, CloudError, NeedsOperator
from domain.model import Value


class Cause(Value):
    """Why an outcome is what it is, for the person who has to act.

    `needs_operator`: it stays as it is until somebody has acted. `unverified`: the
    service reports it as done, and no handshake has shown it. `taken_back`: the task itself has
    undone the change because of this.
    """

    code: str
    message: str
    advice: str | None = None
    request_id: str | None = None
    needs_operator: bool = False
    taken_back: bool = False
    unverified: bool = False

    @classmethod
    def from_error(cls, error: CertrollError) -> Self:
        """The cause that is recorded with an outcome which ended in this error."""
        if isinstance(error, CloudError):
            return cls(
                code=error.code,
                message=error.message,
                advice=error.advice,
                request_id=error.request_id,
                needs_operator=isinstance(error, NeedsOperator),
            )
        if isinstance(error, BadInput):
            return cls(code="BadInput", message=error.what, advice=error.fix)
        return cls(code=type(error).__name__, message=str(error))

    def __str__(self) -> str:
        text = f"{self.code}: {self.message}"
        return f"{text} {self.advice}" if self.advice else text
