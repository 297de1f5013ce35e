"""A contact gets the classes of events that it chose, or all."""

from domain.notifications.channel_kind import ROBOT_KINDS, SIGNED_ROBOT_KINDS, ChannelKind
from domain.notifications.contact import ContactChannel
from domain.notifications.events import EventClass


def test_a_contact_without_a_choice_gets_every_class() -> None:
    contact = ContactChannel(name="ops", kind=ChannelKind.MAIL, redacted_address="ops@example.com")
    assert all(map(contact.is_subscribed_to, EventClass))


def test_a_contact_gets_only_the_classes_that_it_chose() -> None:
    contact = ContactChannel(
        name="ops",
        kind=ChannelKind.SLACK,
        redacted_address="https://hooks.slack.com/...",
        events=(EventClass.EXPIRING,),
    )
    assert [each for each in EventClass if contact.is_subscribed_to(each)] == [EventClass.EXPIRING]


def test_every_kind_is_mail_or_webhook_or_a_robot() -> None:
    assert {ChannelKind.MAIL, ChannelKind.WEBHOOK, *ROBOT_KINDS} == set(ChannelKind)
    assert set(SIGNED_ROBOT_KINDS) < set(ROBOT_KINDS)
