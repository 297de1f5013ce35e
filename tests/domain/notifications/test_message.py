"""What becomes of texts that are told, and what a trial says."""

from domain.notifications.message import clean, some, trial_message
from tests.storage.examples import NOW


def test_a_trial_is_about_no_task() -> None:
    message = trial_message(NOW)
    assert (message.event, message.task_id, message.status) == ("test", None, None)
    assert "finished, needs_operator, rolled_back, expiring, drifted" in message.body


def test_a_text_is_one_line_that_plays_no_tricks() -> None:
    assert clean("a\r\nBcc: b\x1b[31m\u202e") == (
        "a Bcc: b\N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}"
    )
    assert clean("abcdefgh", 6) == "abc..."
    assert clean("abcdef", 6) == "abcdef"


def test_of_many_names_it_is_told_how_many_more_there_are() -> None:
    assert some(("a", "b"), 2) == "a, b"
    assert some(("a", "b"), 12) == "a, b and 10 more"
