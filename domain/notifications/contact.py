"""A contact as storage returns it; the CLI shows it and the notification activities ask it."""

from domain.model import Value
from domain.notifications.channel_kind import ChannelKind
from domain.notifications.events import EventClass


class ContactChannel(Value):
    """A contact's name, its kind of channel, and its address without the secret parts.

    The contact gets messages of the classes in `events`; None means all, future classes included.
    """

    name: str
    kind: ChannelKind
    redacted_address: str
    events: tuple[EventClass, ...] | None = None

    def is_subscribed_to(self, event_class: EventClass) -> bool:
        """Whether the contact gets messages of this class."""
        return self.events is None or event_class in self.events
