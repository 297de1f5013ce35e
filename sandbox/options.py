"""The options of a sandbox. The command line builds them."""

from dataclasses import dataclass, field
from pathlib import Path

SITE_REGIONS = {"cn": "cn-hangzhou", "intl": "ap-southeast-1"}


@dataclass(frozen=True, slots=True)
class SandboxAccount:
    """One access key pair. `site` ("cn" or "intl") decides where its certificates live."""

    access_key_id: str
    access_key_secret: str = field(repr=False)
    site: str = "cn"

    @property
    def region(self) -> str:
        """The region id at the end of this account's certificate identifiers."""
        return SITE_REGIONS[self.site]


# Not a secret: it opens nothing but a practice cloud on this machine's loopback.
DEFAULT_ACCOUNT = SandboxAccount("LTAI5tPracticeCloud00001", "PracticeCloudOnLoopbackOnly001")


@dataclass(frozen=True, slots=True)
class Options:
    """How to start a sandbox.

    `propagation` is seconds from a bind to the edge, `latency` milliseconds per call, `qps` calls
    per second and (account, product, operation) or None for no limit. Port 0 takes a free port.
    `scale` is how many resources the accounts get together, spread over all services.
    """

    port: int = 0
    edge_port: int = 0
    accounts: tuple[SandboxAccount, ...] = (DEFAULT_ACCOUNT,)
    propagation: float = 0.2
    latency: float = 0.0
    qps: int | None = None
    seed: int = 0
    state: Path | None = None
    record: Path | None = None
    seed_file: Path | None = None
    scale: int | None = None
    faults: Path | None = None


def parse_account(text: str, site: str) -> SandboxAccount:
    """`ID:SECRET` or `ID:SECRET:SITE` as an account; raises ValueError when it is neither."""
    parts = text.split(":")
    if len(parts) not in (2, 3) or not all(parts):
        raise ValueError("an account is written ID:SECRET or ID:SECRET:SITE")
    account = SandboxAccount(parts[0], parts[1], parts[2] if len(parts) == 3 else site)
    if account.site not in SITE_REGIONS:
        raise ValueError(f"the site of an account is one of {', '.join(SITE_REGIONS)}")
    return account
