"""The report of one task: everything that was asked, done and proved, signed for an auditor."""

import base64
import json
from importlib.metadata import version
from typing import Any

from domain.errors import BadInput
from domain.tasks.record import TaskRecord
from storage.secrets.signing import is_signed
from storage.store import Store

OPENS, CLOSES = '<script type="application/json" id="certroll-report">', "</script>"
Json = dict[str, Any]


def report(store: Store, record: TaskRecord) -> Json:
    """All that is known of a task, as plain JSON values; no secret is in any of it."""
    plan = store.tasks.plan(record.id)
    outcomes = store.tasks.outcomes.list(record.id)
    held = {each.fingerprint: each for each in store.certificates.list()}
    certificates = [held.get(fingerprint) for fingerprint in record.certificates]
    return {
        "format": "certroll task report 1",
        "certroll": version("certroll"),
        "task": _plain(record),
        "plan": {
            "digest": plan.digest,
            "as_created": plan.digest == record.digest,
            "refusals": _plain(plan.refusals),
            "unchanged": list(plan.unchanged),
        },
        "certificates": [
            _plain(each, exclude={"chain_pem", "encrypt_pem"}) for each in certificates if each
        ],
        "changes": [_plain(outcome) for outcome in outcomes],
        "failed_attempts": _plain(store.evidence.attempts(record.id)),
        "handshakes": _plain(store.evidence.handshakes(record.id)),
        "quota": [_plain(entry) for entry in store.quota.entries(record.id)],
        "notifications": _plain(store.deliveries.of_task(record.id)),
        "events": _plain(store.tasks.events(record.id)),
    }


def signed(store: Store, told: Json) -> Json:
    """The report with the signature of this installation over its canonical JSON."""
    signature = base64.b64encode(store.signing.sign(canonical(told))).decode()
    key = store.signing.public()
    return {
        "report": told,
        "signature": {"algorithm": "Ed25519", "public_key": key, "value": signature},
    }


def canonical(told: Json) -> bytes:
    """The bytes that are signed: sorted keys, no blanks, ASCII."""
    return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def page(envelope: Json) -> str:
    """The report as one HTML page for people, with the signed JSON inside it for machines."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    surroundings = Environment(
        loader=PackageLoader("starter", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # "<" would let a name of the user's end the script element.
    data = json.dumps(envelope, indent=1, ensure_ascii=True).replace("<", "\\u003c")
    template = surroundings.get_template("report.html")
    return template.render(**envelope, opens=OPENS, closes=CLOSES, data=data)


def envelope_in(text: str, where: str) -> Json:
    """The signed JSON of a report that is JSON or a page; BadInput where there is none."""
    _, found, rest = text.partition(OPENS)
    inside = rest.partition(CLOSES)[0] if found else text
    try:
        envelope = json.loads(inside)
        signature, told = envelope["signature"], envelope["report"]
        if not (isinstance(signature["value"], str) and isinstance(told["task"], dict)):
            raise TypeError("other types")
    except (ValueError, KeyError, TypeError):
        raise BadInput(
            "this is no report of certroll",
            where=where,
            fix="Give a file that `certroll task report` has written.",
        ) from None
    return {"report": told, "signature": signature}


def is_genuine(envelope: Json, key: str) -> bool:
    """Whether the holder of `key` (hex) has signed exactly this report."""
    try:
        signature = base64.b64decode(envelope["signature"]["value"], validate=True)
    except ValueError:
        return False
    return is_signed(canonical(envelope["report"]), signature, key)


def _plain(value: Any, **how: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(each, **how) for each in value]
    return value.model_dump(mode="json", **how)
