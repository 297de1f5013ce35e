"""The settings of an account at Alibaba Cloud. Every connector reads them."""

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
    """Which of the two Alibaba Clouds the account belongs to. They share nothing."""

    CN = "cn"
    INTL = "intl"

    @property
    def region(self) -> str:
        """The region in the identifiers of its certificates."""
        return "cn-hangzhou" if self is Site.CN else "ap-southeast-1"

    @classmethod
    def from_region(cls, region: str) -> "Site":
        """The site whose certificate identifiers name `region`."""
        return cls.INTL if region == cls.INTL.region else cls.CN


def _split_commas(value: object) -> object:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _check_endpoint(value: str) -> str:
    url = urlsplit(value)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError("must be a URL such as https://host:port")
    if url.path.strip("/") or url.query or url.fragment or url.username:
        raise ValueError("must be scheme, host and port only")
    if url.scheme == "http" and not is_loopback(url.hostname):
        raise ValueError("must be https: private keys are sent to it (http only on loopback)")
    return f"{url.scheme}://{url.netloc}"


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine. No name is resolved."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


CommaSeparated = Annotated[tuple[str, ...], BeforeValidator(_split_commas)]
Endpoint = Annotated[str, AfterValidator(_check_endpoint)]
KeyId = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class AlibabaSettings(BaseModel):
    """An access key pair of a RAM user that holds the permissions listed for each connector."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    access_key_id: KeyId = Field(description="AccessKey ID of a RAM user")
    access_key_secret: SecretStr = Field(min_length=1, description="AccessKey secret of that user")
    site: Site = Field(
        default=Site.CN, description="cn (aliyun.com) or intl (alibabacloud.com): the account's"
    )
    regions: CommaSeparated = Field(
        default=(),
        description="regions to list, with commas between them; empty: all of each product",
    )
    endpoint: Endpoint | None = Field(
        default=None, description="one URL for all services, such as that of a practice cloud"
    )
    sm_slots: bool = Field(
        default=False, description="true: list the slots for SM2 pairs of CDN and DCDN domains too"
    )
    connect_timeout: float = Field(default=5, gt=0, le=60, description="seconds")
    read_timeout: float = Field(default=10, gt=0, le=300, description="seconds without an answer")
