"""Fixtures that many tests need: databases, the Temporal server, a practice cloud, a stack."""

import os
import signal

# A shell that starts the tests in the background may make them ignore Ctrl-C. Child processes would
# inherit that, and the tests of Ctrl-C would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)

for _name in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[_name]  # loopback must not go through a proxy

# A scheduled sync at a full hour would break tests that count calls.
os.environ.setdefault("CERTROLL_SYNC_EVERY", "off")

from tests.support.databases import *  # noqa: E402, F403
from tests.support.engines import *  # noqa: E402, F403
from tests.support.stack import *  # noqa: E402, F403
