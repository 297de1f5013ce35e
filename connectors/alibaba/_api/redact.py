"""Removes from texts and log lines whatever could hold a private key or a signature.

The clients apply it to every error.
"""

import logging
import re

MAX_LENGTH = 400

# A gateway repeats the request that it could not verify, with its query.
_ECHO = re.compile(r"(string ?to ?sign|canonical ?request).*", re.IGNORECASE | re.DOTALL)
_KEY = re.compile(r"PRIVATE(\s|\+|%(25)*20|\\?_)*KEY", re.IGNORECASE)
_QUERY = re.compile(r"\?\S+")
_BLOB = re.compile(r"[A-Za-z0-9+/_=%-]{60,}")


def redact(text: str) -> str:
    """`text`, at most LONGEST characters, without key material, URL queries or long tokens."""
    text = _ECHO.sub("(request withheld)", text)
    if _KEY.search(text):
        return "(message withheld, for it repeats a private key)"
    text = _BLOB.sub("...", _QUERY.sub("", text))
    return text if len(text) <= MAX_LENGTH else text[:MAX_LENGTH] + "..."


class QueryFilter(logging.Filter):
    """Removes the query of every URL in a log record: private keys are sent in the query."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always True; the record is changed in place."""
        record.msg = _QUERY.sub("", str(record.getMessage()))
        record.args = ()
        return True
