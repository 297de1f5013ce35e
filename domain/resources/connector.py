"""The contract of all connectors; tests.connectors checks it for each of them.

Operations call connectors through it; the rules of plans read only `Traits`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from typing import ClassVar, Protocol

from pydantic import BaseModel

from domain.certificates.certificate import Certificate
from domain.certificates.keys import Algorithm, PrivateKey
from domain.errors import Permanent
from domain.model import Value
from domain.resources.resource import Binding, CertificateRef, Page, Resource

OpenKey = Callable[[], PrivateKey]


class Scenario(StrEnum):
    """Whether a service allows a first certificate, and another one in place of it."""

    FIRST = "first"
    UPDATE = "update"


class Traits(Value):
    """What the rules need to know of a service, as data, so that plans stay pure.

    `no_sm2` says why it takes no SM2 certificates where people may expect that it does.
    """

    service: str
    scenarios: frozenset[Scenario]
    algorithms: frozenset[Algorithm]
    no_sm2: str | None = None


class ChangeWarning(Value):
    """What a plan warns of before a change. `code` is stable, `text` may change its words."""

    code: str
    text: str

    def __str__(self) -> str:
        return self.text


class KeyVault(Protocol):
    """Our certificates with their keys, for services that take only PEM."""

    def holds(self, fingerprint: str) -> bool:
        """Whether the vault has this certificate and its key."""

    def open(self, fingerprint: str) -> tuple[Certificate, PrivateKey]:
        """Returns both; raises Permanent if the vault does not have them."""


class LastBindingReader(Protocol):
    """Our record of the last binding, for resources whose service does not report it."""

    def get(self, resource_id: str) -> Binding | None:
        """Returns the last binding; None if there is none."""


class NoLastBindings:
    """No records: for the command line, and for tests."""

    def get(self, resource_id: str) -> Binding | None:
        return None


NO_LAST_BINDINGS = NoLastBindings()


class CallRateLimit(Protocol):
    """Keeps all workers together within the calls per second of a service."""

    def wait(self) -> None:
        """Returns when the next call may be made."""

    def pause(self, seconds: float) -> None:
        """Allows no call for so long, as the service demanded."""


class NoRateLimit:
    """Allows every call at once: for the command line, and for tests."""

    def wait(self) -> None:
        """Returns at once."""

    def pause(self, seconds: float) -> None:
        """Ignores it."""


RateLimits = Callable[[str, float], CallRateLimit]
"""Builds the rate limit of a service (its id) from its calls per second."""


def get_no_rate_limit(service: str, calls_per_second: float) -> CallRateLimit:
    return NoRateLimit()


class Connector(ABC):
    """How one service takes a certificate.

    Its id is its path below `connectors` ("alibaba.cdn"). Every method makes blocking calls and
    raises only `Transient`, `NeedsOperator` or `Permanent` (domain.errors), never with a secret in
    the text. Instances are shared between threads.
    """

    title: ClassVar[str]
    settings_model: ClassVar[type[BaseModel]]
    scenarios: ClassVar[frozenset[Scenario]]
    algorithms: ClassVar[frozenset[Algorithm]] = frozenset({Algorithm.RSA, Algorithm.EC})
    no_sm2: ClassVar[str | None] = None
    permissions: ClassVar[tuple[str, ...]]
    queries_per_second: ClassVar[float]
    budget: ClassVar[str | None] = None
    """The rate budget that it shares with another connector of the same product; None: its own."""
    calls_per_change: ClassVar[float] = 3
    """Calls per change as measured on a practice cloud: read, bind, check for arrival."""
    listing_tells_all: ClassVar[bool] = False
    """Whether a listing reports bindings as completely as `read` does."""
    propagation: ClassVar[timedelta]
    """How long an endpoint may serve the former certificate after the service reports success."""

    def __init__(
        self,
        account: str,
        settings: BaseModel,
        vault: KeyVault | None = None,
        rate_limits: RateLimits = get_no_rate_limit,
        last_bindings: LastBindingReader = NO_LAST_BINDINGS,
    ) -> None:
        self.account = account
        self.settings = settings
        self.rate_limits = rate_limits
        self.last_bindings = last_bindings
        self._vault = vault

    @property
    def vault(self) -> KeyVault:
        """For services that take only PEM; raises RuntimeError if the connector has none."""
        if self._vault is None:
            raise RuntimeError(f"{type(self).__name__} was made without a vault")
        return self._vault

    @abstractmethod
    def discover(self, page: str | None = None) -> Page:
        """One page of resources; `page` is the former page's `next`, None for the first."""

    @abstractmethod
    def read(self, resource: Resource) -> Binding | None:
        """Returns the current binding as a rollback needs it; None if HTTPS is off."""

    @abstractmethod
    def store_name(self, resource: Resource) -> str:
        """The store that this resource binds from: "alibaba.cas/cn".

        The name begins with the id of the connector that manages the store, see `in_use_by`.
        """

    @abstractmethod
    def install(self, certificate: Certificate, key: OpenKey, resource: Resource) -> CertificateRef:
        """Uploads it to the store that `resource` binds from. Repeating gives the same result.

        `key` opens the private key; it is called only if the store does not have the certificate.
        """

    @abstractmethod
    def bind(self, resource: Resource, ref: CertificateRef | None) -> None:
        """Makes the resource serve `ref`; None switches HTTPS off. Repeating is harmless."""

    @abstractmethod
    def has_arrived(self, resource: Resource, ref: CertificateRef | None) -> bool:
        """Whether the service reports that the change to `ref` has arrived."""

    def remove_former(  # noqa: B027 - most services replace in one call and have nothing to remove
        self, resource: Resource, former: CertificateRef | None, now: CertificateRef | None
    ) -> None:
        """Removes the former certificate after a handshake showed `now`.

        For services where `bind` adds a certificate beside the former one. Repeating is harmless.
        """

    def in_use_by(self, ref: CertificateRef) -> str | None:
        """Why the store says that this certificate must not be removed: who uses it.

        None if the store names no user, or no longer has the certificate. Call this method and the
        next three on the connector that manages the store.
        """
        return f"{self.title} has no certificate store"

    def remove(self, ref: CertificateRef) -> None:
        """Removes it from its store; raises if it is in use. Repeating is harmless."""
        raise Permanent(f"{self.title} has no certificate store", code="NoStore")

    def get_free_space(self, store: str) -> int | None:
        """How many more certificates fit into this store; None if no limit is known."""
        return None

    def find_in_store(self, store: str, certificate: Certificate) -> CertificateRef | None:
        """Finds the certificate in this store, whoever uploaded it; uploads nothing."""
        return None

    def get_lock_key(self, resource: Resource) -> str | None:
        """What allows only one change at a time, e.g. a listener; None: no such limit."""
        return None

    def explain_not_reversible(self, resource: Resource, before: Binding | None) -> str | None:
        """Why a rollback to `before` is impossible, for the plan; None if it is possible."""
        if before is not None and before.ref is None:
            return "the service does not report its certificate in a form that can be bound again"
        return None

    def explain_unverifiable(self, resource: Resource) -> str | None:
        """Why no handshake can show its certificate, for the plan; None if one can.

        Such a change counts as accepted, not as verified. The last binding is recorded, and `bind`
        is called even if the record equals the new binding.
        """
        return None

    def list_warnings(
        self, resource: Resource, before: Binding | None
    ) -> tuple[ChangeWarning, ...]:
        """What the plan warns of before this change, e.g. a short outage."""
        return ()

    @abstractmethod
    def check(self) -> list[str]:
        """Tries the permissions it needs by reading only; returns a line for each missing one."""

    @classmethod
    def get_traits(cls, service: str) -> Traits:
        return Traits(
            service=service,
            scenarios=cls.scenarios,
            algorithms=cls.algorithms,
            no_sm2=cls.no_sm2,
        )
