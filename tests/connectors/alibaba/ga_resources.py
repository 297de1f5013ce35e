"""How the practice cloud is given accelerators and listeners."""

import uuid
from typing import Any

from tests.connectors.lab import Lab, Material


def build_listener(serving: Material, **more: Any) -> dict[str, Any]:
    """One HTTPS listener as a seed describes it."""
    return {"id": f"lsr-{uuid.uuid4().hex[:12]}", "certificate": serving.seed, **more}


def create_accelerator(lab: Lab, *listeners: dict[str, Any], **more: Any) -> str:
    """Creates an accelerator with these listeners; its id."""
    number = f"ga-{uuid.uuid4().hex[:12]}"
    described = {"id": number, "listeners": [*listeners], **more}
    lab.cloud.seed("ga", account=lab.account, accelerators=[described])
    return number
