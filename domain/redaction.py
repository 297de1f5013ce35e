"""Removes key material from texts before they reach logs and people."""

import re

REDACTED = "[redacted]"

# A PEM block of any kind of private key, also with escaped line ends or URL-encoded; and the query
# parameters in which the providers' APIs take a key.
_SECRETS = (
    re.compile(
        r"-----BEGIN[ +%0-9A-Z]*PRIVATE(?: |\+|%20)KEY-----.*?(?:-----END[ +%0-9A-Z]*KEY-----|$)",
        re.DOTALL,
    ),
    re.compile(r"(?<=[?&])((?:SSLPri|Key|PrivateKey|SignPrivateKey|EncryptPrivateKey)=)[^&\s]+"),
)


def redact_secrets(text: str) -> str:
    """The text with each secret replaced by `REDACTED`."""
    for pattern in _SECRETS:
        text = pattern.sub(REDACTED, text)
    return text
