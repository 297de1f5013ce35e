"""The time now. Whatever records or compares times calls it."""

from datetime import UTC, datetime


def now() -> datetime:
    """The worker's clock, UTC."""
    return datetime.now(UTC)
