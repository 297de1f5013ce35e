"""Reading what other services say: an object that is not understood is refused, never guessed."""

from typing import Any, TypeVar

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from pydantic import ValidationError

    from domain.model import Value

M = TypeVar("M", bound=Value)


class Refused(Exception):
    """A signal that was not understood; the text says what is wrong with it."""


def read(model: type[M], request: Any) -> M:
    """The request as a value; raises Refused naming each wrong field.

    Handlers take any JSON, since the engine drops a signal that does not fit its handler's type
    with nothing but a line in a worker's log.
    """
    try:
        return model.model_validate(request)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False, include_context=False)
        told = "; ".join(f"{'.'.join(map(str, f['loc'])) or 'it'}: {f['msg']}" for f in faults)
        raise Refused(told) from None
