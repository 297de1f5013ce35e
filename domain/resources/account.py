"""An account: one set of credentials at one provider, without its secrets."""

from datetime import datetime

from domain.model import Value


class Account(Value):
    """`settings` are the public fields of the provider's settings model; the vault has the secrets.

    `probe_address` ("HOST:PORT", several with commas) replaces name resolution for handshakes.
    `propagation_seconds` replaces the time that each service documents. `calls_per_second` replaces
    the rate limit of the connectors, for an account whose limits the provider has raised.
    """

    name: str
    provider: str
    settings: dict[str, str]
    probe_address: str | None = None
    propagation_seconds: float | None = None
    calls_per_second: float | None = None
    created_at: datetime
