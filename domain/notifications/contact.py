"""A contact and the channels on which one can be reached."""

from domain.model import Value
from domain.notifications.events import EventClass

ROBOT_KINDS = ("dingtalk", "feishu", "wecom", "slack")


SIGNED_ROBOT_KINDS = ("dingtalk", "feishu")


CONTACT_KINDS = ("mail", "webhook", *ROBOT_KINDS)


class ContactChannel(Value):
    """Whom to tell: `kind` is one of CONTACT_KINDS; `shown` is the address without secrets.

    `events` are the classes that it is told of, None: all, also those that come later.
    """

    name: str
    kind: str
    shown: str
    events: tuple[EventClass, ...] | None = None

    def wants(self, kind: EventClass) -> bool:
        """Whether it is told of events of this class."""
        return self.events is None or kind in self.events
