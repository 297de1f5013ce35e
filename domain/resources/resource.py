"""A resource, what it serves, and how two such bindings are compared."""

from datetime import datetime

from pydantic import Field

from domain.model import Value


class CertificateRef(Value):
    """A certificate in a service's own terms, enough to bind it again.

    `store` names where it lies ("alibaba.cas/cn"), `fields` the store's own identifiers
    ({"cert_id": "123", "region": "cn-hangzhou"}).
    """

    store: str
    fields: dict[str, str]


class Binding(Value):
    """What a resource serves, as far as its service tells.

    `ref` is None where the service gives nothing to bind again with; `fingerprint` (SHA-256 of
    the leaf, lower-case hex) and `not_after` (UTC) are None where it does not tell them. So are
    `algorithm` ("rsa", "ec", "sm2") and `issuer`, the common name of who issued the leaf: only for
    a person to read, nothing is compared by them.
    """

    fingerprint: str | None = None
    ref: CertificateRef | None = None
    name: str | None = None
    names: tuple[str, ...] = ()
    not_after: datetime | None = None
    algorithm: str | None = None
    issuer: str | None = None

    def has_expired(self, at: datetime) -> bool:
        """Whether it has ended by then; False where nobody knows."""
        return self.not_after is not None and self.not_after <= at

    def __str__(self) -> str:
        return self.fingerprint[:12] if self.fingerprint else self.name or "an unnamed certificate"


class Resource(Value):
    """One place that serves one certificate.

    `key` is unique within (account, service) and never changes: "www.example.com", or
    "cn-hangzhou/lsn-1/default". `domains` are the names that it answers to, in A-label form,
    wildcards as "*.example.com". `detail` holds what the connector needs to find it again.
    """

    account: str
    service: str
    key: str
    region: str = "global"
    domains: tuple[str, ...] = ()
    slot: str = "default"
    port: int = 443
    state: str = "online"
    detail: dict[str, str] = Field(default_factory=dict)

    @property
    def id(self) -> str:
        """The public identity, as signals name it: "main/alibaba.cdn/www.example.com"."""
        return f"{self.account}/{self.service}/{self.key}"


class Found(Value):
    """A resource as a listing shows it. `binding_known` is False where only `read` can tell.

    `tags` are the provider's own, where its listing tells them.
    """

    resource: Resource
    binding: Binding | None = None
    binding_known: bool = False
    tags: dict[str, str] = Field(default_factory=dict)


class Page(Value):
    """One page of a listing; `next` is handed back to get the following one, None at the end."""

    found: tuple[Found, ...]
    next: str | None = None
    total: int | None = None


def serves(found: Binding | None, wanted: Binding | None) -> bool:
    """Whether `found` is what `wanted` asks for; None means that HTTPS is off.

    Fingerprints decide where both are known: one certificate may lie in a store twice. Then the
    references, and where a service tells neither, all that it does tell by which two can be told
    apart.
    """
    if found is None or wanted is None:
        return found is wanted
    if found.fingerprint and wanted.fingerprint:
        return found.fingerprint == wanted.fingerprint
    if found.ref and wanted.ref:
        return found.ref == wanted.ref
    return _identity(found) == _identity(wanted)


def _identity(binding: Binding) -> Binding:
    return binding.model_copy(update={"algorithm": None, "issuer": None})


def describe(binding: Binding | None) -> str:
    """What a person reads in a message about this binding."""
    return str(binding) if binding else "no certificate"
