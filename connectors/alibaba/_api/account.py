"""What an account at Alibaba Cloud needs to be told."""

from enum import StrEnum
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
)


class Site(StrEnum):
    """Which of the two Alibaba Clouds the account belongs to; nothing is shared between them."""

    CN = "cn"
    INTL = "intl"

    @property
    def region(self) -> str:
        """The region that its certificates are said to lie in."""
        return "cn-hangzhou" if self is Site.CN else "ap-southeast-1"

    @classmethod
    def of_region(cls, region: str) -> "Site":
        """The site whose certificates are said to lie in `region`."""
        return cls.INTL if region == cls.INTL.region else cls.CN


def _split(value: object) -> object:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _endpoint(value: str) -> str:
    url = urlsplit(value)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError("must be a URL such as https://host:port")
    if url.path.strip("/") or url.query or url.fragment or url.username:
        raise ValueError("must be scheme, host and port only")
    if url.scheme == "http" and not is_loopback(url.hostname):
        raise ValueError("must be https, for private keys are sent to it (http only on loopback)")
    return f"{url.scheme}://{url.netloc}"


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine, as far as its text tells."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


Words = Annotated[tuple[str, ...], BeforeValidator(_split)]
Endpoint = Annotated[str, AfterValidator(_endpoint)]
KeyId = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class Settings(BaseModel):
    """An access key pair of a RAM user that holds the permissions listed for each connector."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    access_key_id: KeyId = Field(description="AccessKey ID of a RAM user")
    access_key_secret: SecretStr = Field(min_length=1, description="AccessKey secret of that user")
    site: Site = Field(
        default=Site.CN, description="cn (aliyun.com) or intl (alibabacloud.com): the account's"
    )
    regions: Words = Field(
        default=(), description="regions to look into, with commas; empty: all that products list"
    )
    endpoint: Endpoint | None = Field(
        default=None, description="one URL that speaks for all services, e.g. a practice cloud's"
    )
    sm_slots: bool = Field(
        default=False, description="true: list the slots for SM2 pairs of CDN and DCDN domains too"
    )
    connect_timeout: float = Field(default=5, gt=0, le=60, description="seconds")
    read_timeout: float = Field(default=10, gt=0, le=300, description="seconds without an answer")
