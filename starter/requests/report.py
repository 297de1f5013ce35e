"""Builds, signs, renders and checks the report of a task for auditors. Called by the CLI."""

import base64
import json
from importlib.metadata import version
from typing import Any

from domain.errors import BadInput
from domain.tasks.record import TaskRecord
from storage.secrets.signing import is_valid_signature
from storage.store import Store

OPENS, CLOSES = '<script type="application/json" id="certroll-report">', "</script>"
Json = dict[str, Any]


def build_report(store: Store, record: TaskRecord) -> Json:
    """All facts of a task as plain JSON values, without any secret."""
    plan = store.tasks.get_plan(record.id)
    outcomes = store.tasks.outcomes.list(record.id)
    stored = {each.fingerprint: each for each in store.certificates.list()}
    certificates = [stored.get(fingerprint) for fingerprint in record.certificates]
    return {
        "format": "certroll task report 1",
        "certroll": version("certroll"),
        "task": _to_plain(record),
        "plan": {
            "digest": plan.digest,
            "as_created": plan.digest == record.digest,
            "refusals": _to_plain(plan.refusals),
            "unchanged": list(plan.unchanged),
        },
        "certificates": [
            _to_plain(each, exclude={"chain_pem", "encrypt_pem"}) for each in certificates if each
        ],
        "changes": [_to_plain(outcome) for outcome in outcomes],
        "failed_attempts": _to_plain(store.evidence.list_failed_attempts(record.id)),
        "handshakes": _to_plain(store.evidence.list_handshakes(record.id)),
        "quota": [_to_plain(entry) for entry in store.quota.list_entries(record.id)],
        "notifications": _to_plain(store.deliveries.list(record.id)),
        "events": _to_plain(store.tasks.list_events(record.id)),
    }


def sign(store: Store, report: Json) -> Json:
    """The report with this installation's signature of its canonical JSON."""
    signature = base64.b64encode(store.signing.sign(to_canonical_json(report))).decode()
    key = store.signing.get_public_key()
    return {
        "report": report,
        "signature": {"algorithm": "Ed25519", "public_key": key, "value": signature},
    }


def to_canonical_json(report: Json) -> bytes:
    """The signed bytes: sorted keys, no blanks, ASCII."""
    return json.dumps(report, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def render_page(envelope: Json) -> str:
    """The report as one HTML page, which contains the signed JSON."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("starter", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Escaped: a name with "</script>" would end the script element.
    data = json.dumps(envelope, indent=1, ensure_ascii=True).replace("<", "\\u003c")
    template = environment.get_template("report.html")
    return template.render(**envelope, opens=OPENS, closes=CLOSES, data=data)


def read_envelope(text: str, where: str) -> Json:
    """The signed JSON of a report that is JSON or an HTML page; BadInput if there is none."""
    _, found, rest = text.partition(OPENS)
    inside = rest.partition(CLOSES)[0] if found else text
    try:
        envelope = json.loads(inside)
        signature, report = envelope["signature"], envelope["report"]
        if not (isinstance(signature["value"], str) and isinstance(report["task"], dict)):
            raise TypeError("other types")
    except (ValueError, KeyError, TypeError):
        raise BadInput(
            "this is no report of certroll",
            code="not-a-report",
            where=where,
            fix="Give a file that `certroll task report` has written.",
        ) from None
    return {"report": report, "signature": signature}


def is_genuine(envelope: Json, key: str) -> bool:
    """Whether the owner of the public key (hex) has signed exactly this report."""
    try:
        signature = base64.b64decode(envelope["signature"]["value"], validate=True)
    except ValueError:
        return False
    return is_valid_signature(to_canonical_json(envelope["report"]), signature, key)


def _to_plain(value: Any, **how: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_to_plain(each, **how) for each in value]
    return value.model_dump(mode="json", **how)
