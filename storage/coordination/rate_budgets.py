"""Rate budgets: the calls per second of an account and service, over all workers.

`operations.runtime` takes permits from them before it calls a provider.
"""

from sqlalchemy import case

from storage.coordination.clock import SharedClock, read_shared_clock
from storage.database import Database
from storage.statements import build_insert, get_table
from storage.tables.coordination import RateBudgetRow

_BUDGET = get_table(RateBudgetRow)


class RateBudgets:
    """Issues permits: times at which calls may be made, in order, each to one worker only.

    Times are seconds from now: a worker measures them by its own monotonic clock.
    """

    def __init__(self, database: Database, clock: SharedClock = read_shared_clock) -> None:
        self._database, self._clock = database, clock

    def take_permits(self, name: str, calls: int, seconds_each: float) -> float:
        """Takes `calls` permits, `seconds_each` apart; returns the seconds until the first."""
        length = calls * seconds_each
        return self._reserve(name, wait=0.0, length=length) - length

    def pause(self, name: str, seconds: float) -> None:
        """Issues no permit for so long, since the provider asked for a pause."""
        self._reserve(name, wait=seconds, length=0.0)

    def _reserve(self, name: str, *, wait: float, length: float) -> float:
        """Moves the next permit; returns the seconds until then.

        Permits that were issued later than now are from before the clock restarted: nobody waits
        for them.
        """
        next_at, issued_at = _BUDGET.c.next_at, _BUDGET.c.issued_at
        with self._database.statements() as connection:
            now = self._clock(connection)
            start = case(((next_at > now + wait) & (issued_at <= now), next_at), else_=now + wait)
            statement = (
                build_insert(connection, _BUDGET)
                .values({"name": name, "next_at": now + wait + length, "issued_at": now})
                .on_conflict_do_update(
                    index_elements=[_BUDGET.c.name],
                    set_={"next_at": start + length, "issued_at": now},
                )
                .returning(next_at - issued_at)
            )
            return float(connection.execute(statement).scalar_one())
