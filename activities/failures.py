"""Decides which errors Temporal retries, and how much of them it may see.

All activities call it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from domain.cause import Cause
from domain.errors import CertrollError, CloudError, Transient, Waiting

log = structlog.get_logger()


@contextmanager
def as_application_errors() -> Iterator[None]:
    """Turns our errors into ApplicationErrors: only Transient and Waiting ones are retried.

    Waiting is Temporal's polling pattern: the attempt ends, the server starts the next one later.

    An unforeseen error is retried, too, but only its type leaves the worker: its text could hold
    anything, even a private key.
    """
    try:
        yield
    except CloudError as error:
        raise to_application_error(error) from None
    except Waiting as error:
        raise ApplicationError(
            str(error),
            type=error.code,
            category=ApplicationErrorCategory.BENIGN,
            next_retry_delay=timedelta(seconds=error.seconds),
        ) from None
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


def to_application_error(error: CloudError) -> ApplicationError:
    """With the provider's code as its type, and its delay as the one before the next attempt."""
    delay = error.retry_after
    return ApplicationError(
        str(error),
        Cause.from_error(error).model_dump(mode="json"),
        type=error.code,
        non_retryable=not isinstance(error, Transient),
        next_retry_delay=None if delay is None else timedelta(seconds=delay),
    )
