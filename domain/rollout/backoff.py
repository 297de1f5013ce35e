"""For how long a change is tried again that fails for reasons which may pass. Pure."""

from datetime import datetime, timedelta

FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=15), timedelta(minutes=10)

AT_LEAST = timedelta(minutes=10)
"""An expiry nearer than this does not give a change less time: nothing would be won by that."""


def give_up_at(
    began: datetime,
    keep_trying: timedelta,
    *,
    closes: datetime | None = None,
    expires: datetime | None = None,
) -> datetime:
    """When no further try is begun of a change whose first one was at `began`.

    The end of the maintenance window, the expiry of what is served now, so that a person is told
    while something can still be done, or `keep_trying` after the first try: whichever comes first.
    What had expired before the first try hurries nothing any more.
    """
    ends = [began + keep_trying]
    if closes is not None:
        ends.append(closes)
    if expires is not None and expires > began:
        ends.append(max(expires, began + AT_LEAST))
    return min(ends)


def pause(turns: int) -> timedelta:
    """Between one turn of tries and the next, after so many turns: longer each time, to a bound."""
    return min(FIRST_PAUSE * (1 << min(turns - 1, 16)), LONGEST_PAUSE)
