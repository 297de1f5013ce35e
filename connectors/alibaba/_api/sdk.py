"""Loads the cloud's official generic client on first use, without its logs, and pools connections.

The two clients call it.
"""

import logging
import threading
from functools import cache
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.utils import get_environ_proxies

from connectors.alibaba._api.account import is_loopback
from connectors.alibaba._api.redact import QueryFilter

POOL_SIZE = 128

_lock = threading.Lock()


@cache
def load_sdk() -> ModuleType:
    """The client's module. Loading takes 0.3 s and 50 MiB, so only what makes calls loads it.

    Log filters are set, so that no debug log shows a URL with a private key.
    """
    from alibabacloud_tea_openapi import client

    logging.getLogger("urllib3.connectionpool").addFilter(QueryFilter())
    logging.getLogger("darabonba-core").disabled = True  # DEBUG=sdk would print whole requests
    module: ModuleType = client
    return module


class _Session(requests.Session):
    """Obeys NO_PROXY, never sends loopback requests to a proxy, and follows no redirect.

    The client itself ignores NO_PROXY, and a redirect would send the private key to another host.
    """

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        url = request.url or ""
        local = is_loopback(urlsplit(url).hostname or "")
        options["proxies"] = {} if local else get_environ_proxies(url)
        options["allow_redirects"] = False
        return super().send(request, **options)


def new_session() -> requests.Session:
    """A pooled session with the same rules, for the client of object storage."""
    session = _Session()
    adapter = requests.adapters.HTTPAdapter(pool_connections=POOL_SIZE, pool_maxsize=POOL_SIZE)
    for scheme in ("http", "https"):
        session.mount(f"{scheme}://", adapter)
    return session


def connect(scheme: str, host: str, **settings: Any) -> Any:
    """A client for one host; clients of one host share its connections.

    `settings` are those of the client's own Config. It makes no retries: they would sleep inside,
    and nobody could count the attempts.
    """
    module = load_sdk()
    core = module.DaraCore
    key = f"{scheme}://{host}:80:pool={POOL_SIZE}"
    with _lock:
        if key not in core._sessions:
            session = _Session()
            session.mount(f"{scheme}://", core.get_adapter(scheme, None, pool_size=POOL_SIZE))
            core._sessions[key] = session
    config = module.open_api_util_models.Config(
        endpoint=host, protocol=scheme, max_idle_conns=POOL_SIZE, **settings
    )
    return module.Client(config)
