"""What many tests need: databases, the real engine, a practice cloud, a whole house."""

import os
import signal

# Whoever starts the tests in the background may have told them to ignore Ctrl-C, and children would
# inherit that: the tests of Ctrl-C would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)

for _name in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[_name]  # loopback must not go through a proxy

# A sync on schedule at a full hour would surprise a test that counts calls.
os.environ.setdefault("CERTROLL_SYNC_EVERY", "off")

from tests.support.databases import *  # noqa: E402, F403
from tests.support.engines import *  # noqa: E402, F403
from tests.support.house import *  # noqa: E402, F403
