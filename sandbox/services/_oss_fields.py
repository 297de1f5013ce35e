"""Builds the answers and errors of object storage, in XML. `oss` calls it."""

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from xml.etree import ElementTree

from sandbox.certificates import Facts
from sandbox.errors import ApiError
from sandbox.http import Reply
from sandbox.options import SandboxAccount
from sandbox.resources import SandboxBinding, SandboxResource
from sandbox.services._identified import build_identifier


def build_xml_reply(status: int, fields: dict[str, Any]) -> Reply:
    """An answer whose one field is the root; lists repeat their element, no field is no body.

    It is dated, without which the official client understands no error.
    """
    body = b"".join(
        ElementTree.tostring(_build_element(name, value), encoding="utf-8", xml_declaration=True)
        for name, value in fields.items()
    )
    date = {"date": _format_gmt(datetime.now(UTC))}
    return Reply(status, body, date, content_type="application/xml")


def parse_xml(body: bytes) -> dict[str, str]:
    """The elements that hold text, by their names, which differ within one request."""
    try:
        # The parser refuses entities that explode, and only this machine's loopback gets here.
        root = ElementTree.fromstring(body)  # noqa: S314 - as the comment above says
    except ElementTree.ParseError:
        message = "The XML you provided was not well-formed."
        raise ApiError("MalformedXML", message) from None
    return {one.tag: one.text or "" for one in root.iter() if not len(one)}


def to_bucket(name: str, region: str, created: float) -> dict[str, Any]:
    """A bucket as ListBuckets lists it."""
    return {
        "Name": name,
        "Location": f"oss-{region}",
        "Region": region,
        "CreationDate": _format_iso(created),
        "StorageClass": "Standard",
        "ExtranetEndpoint": f"oss-{region}.aliyuncs.com",
        "IntranetEndpoint": f"oss-{region}-internal.aliyuncs.com",
    }


def to_cname(row: SandboxResource, certificate: dict[str, Any] | None) -> dict[str, Any]:
    """A domain as ListCname lists it."""
    answer = {
        "Domain": row.attributes["domain"],
        "LastModified": _format_iso(row.created),
        "Status": row.attributes["status"],
        "IsWildCard": str(row.attributes["wildcard"]).lower(),
    }
    return answer if certificate is None else {**answer, "Certificate": certificate}


def to_certificate(
    account: SandboxAccount, binding: SandboxBinding, facts: Facts
) -> dict[str, Any]:
    """The certificate of a domain; one that was uploaded to the bucket alone has no identifier."""
    pairs = zip(facts.sha1[::2], facts.sha1[1::2], strict=True)
    known = {} if binding["cert_id"] is None else {"CertId": build_identifier(account, binding)}
    return {
        "Type": "CAS" if known else "Upload",
        **known,
        "Status": "Enabled",
        "CreationDate": _format_gmt(datetime.fromtimestamp(binding["since"], UTC)),
        "Fingerprint": ":".join(a + b for a, b in pairs).upper(),
        "ValidStartDate": _format_gmt(facts.not_before),
        "ValidEndDate": _format_gmt(facts.not_after),
    }


def _build_element(name: str, value: Any) -> ElementTree.Element:
    element = ElementTree.Element(name)
    if not isinstance(value, dict):
        element.text = str(value)
        return element
    for child, content in value.items():
        for one in content if isinstance(content, list) else [content]:
            element.append(_build_element(child, one))
    return element


def _format_iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _format_gmt(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)
