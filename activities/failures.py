"""The one place that says which errors are tried again, and what of them may be told."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog
from temporalio.exceptions import ApplicationError

from domain.cause import Cause
from domain.errors import CertrollError, CloudError, Transient

log = structlog.get_logger()


@contextmanager
def told_to_the_engine() -> Iterator[None]:
    """Turns our errors into the engine's: permanent ones end the step, others are repeated.

    An error that nobody foresaw is repeated too, but only its type leaves the worker: its text
    could hold anything, a private key included.
    """
    try:
        yield
    except CloudError as error:
        raise as_failure(error) from None
    except CertrollError as error:
        raise ApplicationError(
            str(error),
            Cause.from_error(error).model_dump(mode="json"),
            type=type(error).__name__,
            non_retryable=True,
        ) from None
    except ApplicationError:
        raise
    except Exception as error:
        log.exception("unforeseen error in an activity")
        raise ApplicationError(
            f"unforeseen {type(error).__name__}, see the worker's log",
            type=type(error).__name__,
        ) from None


def as_failure(error: CloudError) -> ApplicationError:
    """What the engine is told of a provider's error."""
    delay = error.retry_after
    return ApplicationError(
        str(error),
        Cause.from_error(error).model_dump(mode="json"),
        type=error.code,
        non_retryable=not isinstance(error, Transient),
        next_retry_delay=None if delay is None else timedelta(seconds=delay),
    )
