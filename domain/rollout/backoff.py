"""How long a change is retried that fails for a transient reason, and the pauses in between.

The deployment workflow asks before each series of attempts.
"""

from datetime import datetime, timedelta

FIRST_BACKOFF, MAX_BACKOFF = timedelta(seconds=15), timedelta(minutes=10)

MIN_RETRY_TIME = timedelta(minutes=10)
"""A near expiry never leaves a change less time than this: giving up early would gain nothing."""


def compute_retry_deadline(
    first_attempt_at: datetime,
    keep_trying: timedelta,
    *,
    window_end: datetime | None = None,
    expires_at: datetime | None = None,
) -> datetime:
    """When no further attempt is started.

    The earliest of three times: `keep_trying` after the first attempt, the end of the maintenance
    window, and the expiry of the certificate that is served now. The expiry counts so that a person
    hears of the failure while there is still something to save; a certificate that had expired
    before the first attempt does not count.
    """
    deadlines = [first_attempt_at + keep_trying]
    if window_end is not None:
        deadlines.append(window_end)
    if expires_at is not None and expires_at > first_attempt_at:
        deadlines.append(max(expires_at, first_attempt_at + MIN_RETRY_TIME))
    return min(deadlines)


def compute_backoff(series: int) -> timedelta:
    """The pause after this many series of attempts: doubled each time, up to MAX_BACKOFF."""
    return min(FIRST_BACKOFF * (1 << min(series - 1, 16)), MAX_BACKOFF)
