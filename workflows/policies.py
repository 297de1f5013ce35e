"""Every timeout, retry policy, schedule time and page size of workflows and their clients.

Named for what is waited for. Used by workflows/ and starter/.
"""

from datetime import timedelta
from typing import TypedDict

from temporalio.common import RetryPolicy


class Patience(TypedDict, total=False):
    """The timeouts and the retry policy of one activity."""

    start_to_close_timeout: timedelta
    schedule_to_close_timeout: timedelta
    heartbeat_timeout: timedelta
    retry_policy: RetryPolicy


# Bookkeeping must not be lost, so it is retried until it succeeds: if the database is down for an
# hour, a task is delayed by an hour, and no quota and no outcome is lost.
BOOKKEEPING = Patience(
    start_to_close_timeout=timedelta(seconds=20),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(milliseconds=200),
        backoff_coefficient=2,
        maximum_interval=timedelta(seconds=30),
    ),
)

# Reads all changes of a task: some ten seconds for 100,000. It heartbeats, so that a task whose
# worker is killed meanwhile does not wait for five minutes.
ALL_ROWS = Patience(
    start_to_close_timeout=timedelta(minutes=5),
    heartbeat_timeout=timedelta(seconds=10),
    retry_policy=BOOKKEEPING["retry_policy"],
)

# Writes one row; a fan-out may have many of these under way. After a killed worker they are retried
# after this time, so it is close to what one attempt needs. Repeating a slow attempt does no harm.
ONE_ROW = Patience(
    start_to_close_timeout=timedelta(seconds=10),
    retry_policy=BOOKKEEPING["retry_policy"],
)

# One attempt waits for the service's propagation (up to 30 minutes). It heartbeats every two
# seconds: a killed worker is noticed after ten. These attempts are one series; after it the change
# frees its slot, and the next series follows after the backoff of domain/rollout/backoff.py.
CHANGE = Patience(
    start_to_close_timeout=timedelta(minutes=40),
    heartbeat_timeout=timedelta(seconds=10),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(seconds=1),
        backoff_coefficient=2,
        maximum_interval=timedelta(minutes=1),
        maximum_attempts=5,
    ),
)

# After so many failed series of one change, some 16 minutes, contacts are notified.
SERIES_UNTIL_NOTIFIED = 6

# A store that is down delays a task no longer than this: its changes then install by themselves.
INSTALL = Patience(
    start_to_close_timeout=timedelta(minutes=5),
    heartbeat_timeout=timedelta(seconds=10),
    retry_policy=CHANGE["retry_policy"],
)

# Asks each account, store and OCSP responder once, at the rate limit of each. One that is down is a
# finding, so an attempt fails only if storage or the worker fails.
PREFLIGHT = Patience(
    start_to_close_timeout=timedelta(minutes=15),
    schedule_to_close_timeout=timedelta(minutes=45),
    heartbeat_timeout=timedelta(seconds=10),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(seconds=1),
        backoff_coefficient=3,
        maximum_interval=timedelta(minutes=1),
        maximum_attempts=8,
    ),
)

# Nothing waits for it; the next cleanup deletes what is left.
CLEAN_UP = Patience(
    start_to_close_timeout=timedelta(minutes=10),
    schedule_to_close_timeout=timedelta(minutes=30),
    heartbeat_timeout=timedelta(seconds=10),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(seconds=1),
        backoff_coefficient=5,
        maximum_interval=timedelta(minutes=1),
        maximum_attempts=3,
    ),
)

# Syncs one service. An attempt resumes at the page where the previous one ended, so many attempts
# are fine, and a long one costs nothing. After some ten minutes of failures in a row the service is
# given up; the schedule or the next request tries it again.
SYNC_SERVICE = Patience(
    start_to_close_timeout=timedelta(hours=2),
    heartbeat_timeout=timedelta(seconds=10),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(seconds=1),
        backoff_coefficient=2,
        maximum_interval=timedelta(seconds=30),
        maximum_attempts=25,
    ),
)

# Services of one account that are synced at once: each keeps to its own rate limit.
MAX_SERVICES_AT_ONCE = 8

# Verifies all deployed changes of a wave: some minutes for 100,000 endpoints, and half an hour if
# every one of them has to be observed more than once.
REVERIFY = Patience(
    start_to_close_timeout=timedelta(hours=2),
    heartbeat_timeout=timedelta(seconds=10),
    retry_policy=CHANGE["retry_policy"],
)

# A contact's channel that does not answer must not keep a task open.
NOTIFY = Patience(
    start_to_close_timeout=timedelta(seconds=30),
    schedule_to_close_timeout=timedelta(minutes=15),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(seconds=2),
        backoff_coefficient=3,
        maximum_interval=timedelta(minutes=5),
        maximum_attempts=5,
    ),
)

# Changes per page: some 60 bytes each, far below the limit of a payload.
ORDERS_PER_PAGE = 500

# Certificates of a page are installed at once; Temporal accepts 2,000 pending activities.
INSTALLATIONS_PER_PAGE = 100

# A task with a history longer than this continues as new before it waits.
SHORT_HISTORY = 200

# Times of the day, UTC. The expiry watch comes when somebody can still act on the same day, and
# after the verification, whose findings it reports.
REVERIFICATION_TIME = timedelta(hours=5)
EXPIRY_WATCH_TIME = timedelta(hours=7)

# Part of the interval by which scheduled syncs vary: all accounts at once would be a burst.
SYNC_JITTER = 0.1

# Workers check whether accounts or settings have changed.
SECONDS_BETWEEN_SCHEDULE_CHECKS = 180.0

# A worker polls for work for a minute at most; one that has not polled for longer has ended.
WORKER_POLL = timedelta(seconds=75)

# A worker that stops gives its activities this time to notice it.
WORKER_SHUTDOWN = timedelta(seconds=10)

# How long a command waits for Temporal to connect, and for a worker to start a sync.
CONNECT_SECONDS = 10.0
SYNC_START_SECONDS = 30.0
