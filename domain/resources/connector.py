"""The contract that every connector keeps, and that one inherited class of tests checks."""

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
    """What may be deployed: onto a resource without a certificate, or in place of one."""

    FIRST = "first"
    UPDATE = "update"


class Traits(Value):
    """What the rules need to know of a service; pure data, so that plans stay pure.

    `no_sm2` says why it takes no SM2 certificates, where a person may expect that it does.
    """

    service: str
    scenarios: frozenset[Scenario]
    algorithms: frozenset[Algorithm]
    no_sm2: str | None = None


class KeyVault(Protocol):
    """Our own certificates with their keys, for services that take nothing but PEM."""

    def holds(self, fingerprint: str) -> bool:
        """Whether this certificate and its key are ours to send."""

    def open(self, fingerprint: str) -> tuple[Certificate, PrivateKey]:
        """Both; raises Permanent when they are not here."""


class Memory(Protocol):
    """Our own record of what we bound last, for what its service does not tell."""

    def get(self, resource_id: str) -> Binding | None:
        """The binding; None where we have bound nothing."""


class Forgetful:
    """A memory of nothing: for a look from the command line, and for tests."""

    def get(self, resource_id: str) -> Binding | None:
        """Always None."""
        return None


NO_MEMORY = Forgetful()


class Pace(Protocol):
    """Keeps to the calls per second that a service allows, over all workers together."""

    def wait(self) -> None:
        """Returns when the next call may be made."""

    def hold(self, seconds: float) -> None:
        """Makes no call for so long: the service asked for it."""


class Unpaced:
    """As fast as one likes: for a look from the command line, and for tests."""

    def wait(self) -> None:
        """Returns at once."""

    def hold(self, seconds: float) -> None:
        """Changes nothing."""


Paces = Callable[[str, float], Pace]
"""The pace for a service (its id) that allows so many calls per second."""


def unpaced(service: str, calls_per_second: float) -> Pace:
    """No pace at all, for any service."""
    return Unpaced()


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
    """Whose calls per second these are, where two connectors call one product; else its own."""
    calls_per_change: ClassVar[float] = 3
    """As measured on a practice cloud: it reads, binds, and looks whether that has arrived."""
    listing_tells_all: ClassVar[bool] = False
    """Where a listing tells what a resource serves, `read` tells no more of it."""
    propagation: ClassVar[timedelta]
    """How long after a success of the control plane an endpoint may still serve the former."""

    def __init__(
        self,
        account: str,
        settings: BaseModel,
        vault: KeyVault | None = None,
        paces: Paces = unpaced,
        memory: Memory = NO_MEMORY,
    ) -> None:
        self.account = account
        self.settings = settings
        self.paces = paces
        self.memory = memory
        self._vault = vault

    @property
    def vault(self) -> KeyVault:
        """For services that take only PEM; RuntimeError where none was handed in."""
        if self._vault is None:
            raise RuntimeError(f"{type(self).__name__} was made without a vault")
        return self._vault

    @abstractmethod
    def discover(self, page: str | None = None) -> Page:
        """One page of resources; `page` is the former page's `next`, None for the first."""

    @abstractmethod
    def read(self, resource: Resource) -> Binding | None:
        """What it serves now, in the terms that a restore needs; None where HTTPS is off."""

    @abstractmethod
    def store_name(self, resource: Resource) -> str:
        """Names the store from which this resource binds: "alibaba.cas/cn".

        First comes the id of the connector that keeps the store, see `in_use_by`.
        """

    @abstractmethod
    def install(self, certificate: Certificate, key: OpenKey, resource: Resource) -> CertificateRef:
        """Puts it in the store that `resource` binds from; same fingerprint, same answer.

        `key` opens the private key, and is called only if the certificate is not there yet.
        """

    @abstractmethod
    def bind(self, resource: Resource, ref: CertificateRef | None) -> None:
        """Serves `ref`; None switches HTTPS off. Repeating is harmless."""

    @abstractmethod
    def settled(self, resource: Resource, ref: CertificateRef | None) -> bool:
        """Whether the service says that the change to `ref` has arrived."""

    def release(  # noqa: B027 - most services replace in one call and have nothing to take away
        self, resource: Resource, former: CertificateRef | None, now: CertificateRef | None
    ) -> None:
        """Takes away what `bind` added beside: called after a handshake showed `now`.

        For services that add a certificate and remove the former one in two calls: added first,
        verified, and only then is the former one removed. Repeating is harmless.
        """

    def in_use_by(self, ref: CertificateRef) -> str | None:
        """Why this certificate of its store may not go, by the store's own word: who uses it.

        None where it names no one, and where the certificate is gone already. This and the next
        three are asked of the connector that keeps the store; no other has anything to remove.
        """
        return f"{self.title} keeps no certificates of its own"

    def remove(self, ref: CertificateRef) -> None:
        """Removes it from its store. Repeating is harmless; what is in use is refused."""
        raise Permanent(f"{self.title} keeps no certificates of its own", code="NoStore")

    def space(self, store: str) -> int | None:
        """How many more certificates fit into this store; None where nothing tells a limit."""
        return None

    def find_in_store(self, store: str, certificate: Certificate) -> CertificateRef | None:
        """Where it lies in this store already, whoever put it there; uploads nothing."""
        return None

    def lock_key(self, resource: Resource) -> str | None:
        """What may take only one change at a time, e.g. a listener; None: no such limit."""
        return None

    def not_reversible(self, resource: Resource, before: Binding | None) -> str | None:
        """Why `before` could not be restored, for the plan to say; None when it can."""
        if before is not None and before.ref is None:
            return "the service does not tell which certificate it serves in terms to bind again"
        return None

    def explain_unverifiable(self, resource: Resource) -> str | None:
        """Why no handshake can show what it serves, for the plan to say; None where one can.

        Nothing tells then that a change has arrived, so it counts as accepted, not as verified.
        What was bound is remembered, and `bind` is called even where the record says it serves.
        """
        return None

    def warnings(self, resource: Resource, before: Binding | None) -> tuple[str, ...]:
        """What a plan has to say about this change beforehand, e.g. a short outage."""
        return ()

    @abstractmethod
    def check(self) -> list[str]:
        """Tries, reading only, the permissions it needs; what is missing, one line each."""

    @classmethod
    def traits(cls, service: str) -> Traits:
        """Its rules as plain data."""
        return Traits(
            service=service,
            scenarios=cls.scenarios,
            algorithms=cls.algorithms,
            no_sm2=cls.no_sm2,
        )
