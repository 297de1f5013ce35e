"""Takes out of text and log lines whatever could hold a private key or a signature."""

import logging
import re

LONGEST = 400

# What a gateway repeats of a request it could not verify, query and all.
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
    return text if len(text) <= LONGEST else text[:LONGEST] + "..."


class QueryFilter(logging.Filter):
    """Cuts the query off every URL in a log record: the cloud takes private keys in the query."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always True; the record is changed in place."""
        record.msg = _QUERY.sub("", str(record.getMessage()))
        record.args = ()
        return True
