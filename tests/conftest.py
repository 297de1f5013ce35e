"""What many tests need: databases, the real engine, a practice cloud, a whole house."""

import os

for _name in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[_name]  # loopback must not go through a proxy

from tests.databases import *  # noqa: E402, F403
from tests.engines import *  # noqa: E402, F403
from tests.house import *  # noqa: E402, F403
