"""The rules for the text of a message, and the test message."""

from domain.notifications.events import EventClass
from domain.notifications.message import build_test_message, join_examples, sanitize
from tests.support.stored_examples import NOW


def test_the_test_message_is_about_no_task() -> None:
    message = build_test_message(NOW)
    assert (message.event, message.task_id, message.status) == ("test", None, None)
    assert all(each in message.body for each in EventClass)


def test_a_text_is_one_line_of_printable_characters() -> None:
    assert sanitize("a\r\nBcc: b\x1b[31m\u202e") == (
        "a Bcc: b\N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}"
    )
    assert sanitize("abcdefgh", 6) == "abc..."
    assert sanitize("abcdef", 6) == "abcdef"


def test_a_list_of_examples_says_how_many_more_there_are() -> None:
    assert join_examples(("a", "b"), 2) == "a, b"
    assert join_examples(("a", "b"), 12) == "a, b and 10 more"
