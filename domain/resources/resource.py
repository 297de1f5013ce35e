"""Resources, bindings and certificate references, and how bindings are compared."""

from datetime import datetime

from pydantic import Field

from domain.model import Value


class CertificateRef(Value):
    """Identifies a certificate to a service, so that it can be bound.

    `store` names the certificate store ("alibaba.cas/cn"), `fields` holds the store's identifiers
    ({"cert_id": "123", "region": "cn-hangzhou"}).
    """

    store: str
    fields: dict[str, str]


class Binding(Value):
    """The certificate that a resource serves; fields that its service does not report are None.

    `fingerprint` is the SHA-256 of the leaf in lower-case hex, `not_after` is in UTC. Without `ref`
    the certificate cannot be bound again. `algorithm` ("rsa", "ec", "sm2") and `issuer` (a common
    name) are for people; comparisons ignore them.
    """

    fingerprint: str | None = None
    ref: CertificateRef | None = None
    name: str | None = None
    names: tuple[str, ...] = ()
    not_after: datetime | None = None
    algorithm: str | None = None
    issuer: str | None = None

    def has_expired(self, at: datetime) -> bool:
        """Whether it has expired at that time; False if the expiry is unknown."""
        return self.not_after is not None and self.not_after <= at

    def __str__(self) -> str:
        return self.fingerprint[:12] if self.fingerprint else self.name or "an unnamed certificate"


class Resource(Value):
    """One thing at a service that serves one certificate.

    `key` is unique within (account, service) and never changes: "www.example.com", or
    "cn-hangzhou/lsn-1/default". `domains` are its host names in A-label form, wildcards as
    "*.example.com". `detail` holds what the connector needs to find it again.
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
        """The public id, which signals use: "main/alibaba.cdn/www.example.com"."""
        return f"{self.account}/{self.service}/{self.key}"


class DiscoveredResource(Value):
    """A resource in a listing. `binding_known` is False where only `read` returns the binding.

    `tags` are the provider's own, if its listing has them.
    """

    resource: Resource
    binding: Binding | None = None
    binding_known: bool = False
    tags: dict[str, str] = Field(default_factory=dict)


class Page(Value):
    """One page of a listing; `next` is the argument for the following page, None at the end."""

    resources: tuple[DiscoveredResource, ...]
    next: str | None = None
    total: int | None = None


def is_same_binding(one: Binding | None, other: Binding | None) -> bool:
    """Whether both bindings serve the same certificate; None means that HTTPS is off.

    Fingerprints decide if both are known, because a store may hold a certificate twice. Otherwise
    references decide if both are known, and else all remaining fields.
    """
    if one is None or other is None:
        return one is other
    if one.fingerprint and other.fingerprint:
        return one.fingerprint == other.fingerprint
    if one.ref and other.ref:
        return one.ref == other.ref
    return _to_identity(one) == _to_identity(other)


def _to_identity(binding: Binding) -> Binding:
    return binding.model_copy(update={"algorithm": None, "issuer": None})


def describe_binding(binding: Binding | None) -> str:
    """The binding in a message."""
    return str(binding) if binding else "no certificate"
