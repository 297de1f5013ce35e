"""The kinds of channel that reach a contact: validation, help texts and senders follow this list.

It imports nothing of pydantic, so that `certroll --help` starts fast.
"""

from enum import StrEnum


class ChannelKind(StrEnum):
    """How a message reaches a contact: by mail, as JSON to a webhook, or through a chat robot."""

    MAIL = "mail"
    WEBHOOK = "webhook"
    DINGTALK = "dingtalk"
    FEISHU = "feishu"
    WECOM = "wecom"
    SLACK = "slack"


ROBOT_KINDS = tuple(
    kind for kind in ChannelKind if kind not in (ChannelKind.MAIL, ChannelKind.WEBHOOK)
)
"""The kinds whose address is the webhook of a chat robot."""

SIGNED_ROBOT_KINDS = (ChannelKind.DINGTALK, ChannelKind.FEISHU)
"""The robots that may ask for a signature, made with a secret of its own."""
