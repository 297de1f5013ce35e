"""Reads the clock; operations and activities that record or compare times call it."""

from datetime import UTC, datetime


def now() -> datetime:
    """The time by this host's clock, UTC."""
    return datetime.now(UTC)
