"""What counts as proof that a change has arrived, and how long it is waited for."""

from itertools import islice
from time import monotonic

import pytest

from activities.handshake import Endpoint, Seen
from activities.proof import Proof, arrived, pauses
from domain.errors import NotServed, Permanent
from domain.plan import Change
from domain.resource import Binding, CertificateRef, Resource
from tests.domain.plain import NoSettings, Plain, plain
from tests.storage.examples import NEW, OLD, change

ENDPOINT = Endpoint(host="127.0.0.1", port=443, server_name="www.example.com")
NOTHING = Seen(fingerprint=None, error="Connection refused")
ours, theirs, other = (Seen(fingerprint=each) for each in (NEW, OLD, "ef" * 32))
unnamed = Binding(name="a certificate whose fingerprint nobody tells")


def between(before: Binding | None, after: Binding | None) -> Change:
    return change().model_copy(update={"before": before, "after": after})


NEW_ONE, OLD_ONE = Binding(fingerprint=NEW), Binding(fingerprint=OLD)


@pytest.mark.parametrize(
    ("made", "seen", "expected"),
    [
        (between(OLD_ONE, NEW_ONE), ours, True),
        (between(OLD_ONE, NEW_ONE), theirs, False),
        (between(OLD_ONE, NEW_ONE), other, False),
        (between(OLD_ONE, NEW_ONE), NOTHING, False),
        (between(None, NEW_ONE), ours, True),
        (between(None, NEW_ONE), NOTHING, False),
        # On the way back to "off", or to what the service does not tell: the former is gone.
        (between(NEW_ONE, None), NOTHING, True),
        (between(NEW_ONE, None), other, True),
        (between(NEW_ONE, None), ours, False),
        (between(NEW_ONE, unnamed), theirs, True),
        (between(NEW_ONE, unnamed), ours, False),
        (between(unnamed, None), NOTHING, True),
        (between(unnamed, None), other, True),
        (between(None, unnamed), other, True),
        (between(None, unnamed), NOTHING, False),
    ],
)
def test_a_change_has_arrived_when_the_handshake_shows_the_state_after_it(
    made: Change, seen: Seen, expected: bool
) -> None:
    assert arrived(seen, made) is expected


def test_looks_come_ever_less_often_and_never_more_than_five_seconds_apart() -> None:
    first = list(islice(pauses(), 40))
    assert first[:3] == pytest.approx([0.1, 0.15, 0.225])
    assert first == sorted(first)
    assert max(first) == 5.0


def test_an_endpoint_is_looked_at_until_it_shows_the_new_certificate() -> None:
    looks = iter([NOTHING, theirs, ours])
    paused: list[float] = []
    proof = Proof(
        between(OLD_ONE, NEW_ONE), monotonic() + 60, lambda endpoint: next(looks), paused.append
    )
    proof.served(ENDPOINT)
    assert paused == pytest.approx([0.1, 0.15])


def test_after_the_deadline_what_is_still_served_is_told() -> None:
    looked: list[Endpoint] = []

    def look(endpoint: Endpoint) -> Seen:
        looked.append(endpoint)
        return theirs

    proof = Proof(between(OLD_ONE, NEW_ONE), monotonic(), look, lambda seconds: None)
    with pytest.raises(NotServed) as caught:
        proof.served(ENDPOINT)
    assert looked == [ENDPOINT], "it looks once even where no time is left"
    assert OLD[:12] in caught.value.message
    assert NEW[:12] in caught.value.message


class SettlesLater(Plain):
    """Reports a change as done when it is asked the third time."""

    asked = 0

    def settled(self, resource: Resource, ref: CertificateRef | None) -> bool:
        self.asked += 1
        return self.asked == 3


@pytest.mark.parametrize("after", [NEW_ONE, None])
def test_a_service_is_asked_until_it_reports_the_change_as_done(after: Binding | None) -> None:
    paused: list[float] = []
    connector = SettlesLater("main", NoSettings())
    proof = Proof(between(OLD_ONE, after), monotonic() + 60, lambda _: NOTHING, paused.append)
    proof.settled(connector)
    assert paused == pytest.approx([0.1, 0.15])


def test_a_change_that_a_service_never_reports_as_done_fails_at_the_deadline() -> None:
    proof = Proof(between(OLD_ONE, NEW_ONE), monotonic(), lambda _: ours, lambda _: None)
    with pytest.raises(Permanent) as caught:
        proof.settled(plain())
    assert caught.value.code == "NotSettled"
