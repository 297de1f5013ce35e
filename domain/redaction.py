"""Takes key material out of texts that go to logs and to people."""

import re

TAKEN_OUT = "[taken out]"

# A PEM block of any kind of key, also with its line ends escaped or the text URL-encoded; and the
# query parameters in which the clouds' APIs want a key.
_SECRETS = (
    re.compile(
        r"-----BEGIN[ +%0-9A-Z]*PRIVATE(?: |\+|%20)KEY-----.*?(?:-----END[ +%0-9A-Z]*KEY-----|$)",
        re.DOTALL,
    ),
    re.compile(r"(?<=[?&])((?:SSLPri|Key|PrivateKey|SignPrivateKey|EncryptPrivateKey)=)[^&\s]+"),
)


def without_secrets(text: str) -> str:
    """The text with key material replaced."""
    for pattern in _SECRETS:
        text = pattern.sub(TAKEN_OUT, text)
    return text
