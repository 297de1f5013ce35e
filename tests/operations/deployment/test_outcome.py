"""What an outcome tells of why a change ended as it did."""

from domain.cause import Cause
from operations.deployment.outcome import told
from tests.storage.examples import CAUSE


def test_what_a_task_takes_back_by_itself_tells_why_and_whether_that_was_shown() -> None:
    unseen = Cause(code="Unreachable", message="nobody can see it", unverified=True)
    assert told(None, None) is None
    assert told(None, unseen) == unseen
    for why in (CAUSE, unseen):
        shown, not_shown = told(why, None), told(why, unseen)
        assert shown is not None
        assert not_shown is not None
        assert (shown.code, shown.taken_back, shown.unverified) == (why.code, True, False)
        assert (not_shown.code, not_shown.unverified) == (why.code, True)
        assert "nobody can see it" in not_shown.message
