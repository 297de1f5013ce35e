"""The state that all parts of a sandbox share: accounts, certificates, resources and faults."""

from collections.abc import Callable

from sandbox.edges import Edges
from sandbox.faults import Faults
from sandbox.options import Options, SandboxAccount
from sandbox.resources import Resources
from sandbox.state import Counters, Journal
from sandbox.store import CertificateStore


class Cloud:
    """The state of a practice cloud, in memory and, when a file was named, in its journal."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.journal = Journal(options.state)
        self.counters = Counters(self.journal)
        self.resources = Resources(self.journal, options.propagation)
        self.certificates = CertificateStore(self.journal, self.counters, self.resources)
        self.faults = Faults(options.seed)
        self.edges = Edges(self.resources)
        self.latency_ms = options.latency
        # How many certificates an account's store (CAS), or its store in each region (CLB), takes.
        self.limits: dict[str, int | None] = {"cas": None, "clb": 100}
        # Further users of a certificate, by account and identifier, which are no resources.
        self.users: list[Callable[[str, str], bool]] = []
        self.accounts: dict[str, SandboxAccount] = {
            one.access_key_id: one for one in options.accounts
        }

    @property
    def default_account(self) -> SandboxAccount:
        """The account that a seed means when it names none."""
        return self.options.accounts[0]
