"""Every timeout and every retry of the house, named for what is being waited for."""

from datetime import timedelta
from typing import TypedDict

from temporalio.common import RetryPolicy


class Patience(TypedDict, total=False):
    """How long one step may take, and how often it is tried."""

    start_to_close_timeout: timedelta
    schedule_to_close_timeout: timedelta
    heartbeat_timeout: timedelta
    retry_policy: RetryPolicy


# Bookkeeping must not be lost, so it is tried until it works: a database that is down for an
# hour delays a task by an hour, it does not leave quota or an outcome unrecorded.
BOOKKEEPING = Patience(
    start_to_close_timeout=timedelta(seconds=20),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(milliseconds=200),
        backoff_coefficient=2,
        maximum_interval=timedelta(seconds=30),
    ),
)

# The same for what reads all changes of a task: of 100,000 it takes some ten seconds. It beats, so
# that a task whose worker is killed as it begins does not wait for five minutes.
ALL_ROWS = Patience(
    start_to_close_timeout=timedelta(minutes=5),
    heartbeat_timeout=timedelta(seconds=10),
    retry_policy=BOOKKEEPING["retry_policy"],
)

# One row, of which a fan-out may have many in hand: what a killed worker held is tried again after
# this time, so it is near to what an attempt needs. An attempt that was only slow does no harm.
ONE_ROW = Patience(
    start_to_close_timeout=timedelta(seconds=10),
    retry_policy=BOOKKEEPING["retry_policy"],
)

# One change waits for the service's propagation inside one attempt (up to 30 minutes), beating
# every two seconds: a killed worker is noticed after ten, not after half an hour. The attempts here
# are those of one turn: after it the change gives its place to others, and has its next turn after
# a pause, for as long as domain/patience.py allows.
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

# After so many turns, some 16 minutes, contacts are told that changes do not succeed.
TURNS_UNTIL_TOLD = 6

# A store that is down holds nothing up for longer: the changes that need it install by themselves.
INSTALL = Patience(
    start_to_close_timeout=timedelta(minutes=5),
    heartbeat_timeout=timedelta(seconds=10),
    retry_policy=CHANGE["retry_policy"],
)

# It asks each account, store and responder once, at the pace of each. What is down is a finding, so
# an attempt fails only where storage or the worker does.
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

# Nobody waits for it, and what is left over goes another time.
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

# One walk through a service: an attempt goes on at the page where the former one ended, so there
# may be many of them, and a long one costs nothing. After some ten minutes of failures in a row the
# service is given up; the schedule, or whoever wants to know, tries it again.
WALK = Patience(
    start_to_close_timeout=timedelta(hours=2),
    heartbeat_timeout=timedelta(seconds=10),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(seconds=1),
        backoff_coefficient=2,
        maximum_interval=timedelta(seconds=30),
        maximum_attempts=25,
    ),
)

# Services of one account that are walked side by side: each keeps to a rate of its own.
WALKS_AT_ONCE = 8

# Looks at all that a wave has deployed: of 100,000 endpoints it takes some minutes, and half an
# hour where every one of them has to be looked at more than once.
LOOK_AGAIN = Patience(
    start_to_close_timeout=timedelta(hours=2),
    heartbeat_timeout=timedelta(seconds=10),
    retry_policy=CHANGE["retry_policy"],
)

# A contact's channel that stays silent must not hold a task open.
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

# How many changes are asked for at a time: some 60 bytes each, so far below a payload's limit.
ORDERS_PER_PAGE = 500

# All of a page are installed at once, of the 2,000 steps that the engine takes of one task.
INSTALLATIONS_PER_PAGE = 100

# A history this long is cut once a task has nothing left to do but wait.
SHORT_HISTORY = 200
