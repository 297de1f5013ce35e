"""A shared clock that tests set."""

from sqlalchemy import ColumnElement, Connection, Float, literal


class ManualClock:
    """Stands in for the clock of the database; its time passes when a test says so."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self, connection: Connection) -> ColumnElement[float]:
        return literal(self.now, Float)
