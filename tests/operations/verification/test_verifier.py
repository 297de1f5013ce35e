"""What counts as proof that a change has arrived, and how long it is waited for."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from time import monotonic

import pytest

from domain.errors import NoLongerReachable, NotServed, Permanent
from domain.plans.plan import Change
from domain.resources.resource import Binding, CertificateRef, Resource
from domain.tasks.evidence import Handshake
from domain.tasks.messages import Direction
from operations.tls.handshake import Endpoint, Seen
from operations.verification.observation import Eyes, Finding, Past, arrived
from operations.verification.verifier import Proof, pauses
from tests.domain.plain import NoSettings, Plain, plain
from tests.storage.examples import NEW, OLD, change

NAME = "www.example.com"
ENDPOINT = Endpoint(host=NAME, port=443, server_name=NAME)
NO_ROUTE = Seen(fingerprint=None, error="No route to host", reached=False)
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


class Line:
    """Addresses that show one thing after the other; the last one for ever."""

    def __init__(self, *shown: Seen, **by_host: Sequence[Seen]) -> None:
        self.left = {host.strip("_"): list(each) for host, each in by_host.items()}
        self.left |= {"127.0.0.1": list(shown)} if shown else {}
        self.looked: list[str] = []
        self.paused: list[float] = []

    def look(self, address: Endpoint) -> Seen:
        self.looked.append(address.host)
        left = self.left[address.host]
        return left.pop(0) if len(left) > 1 else left[0]

    def resolve(self, endpoint: Endpoint) -> tuple[Endpoint, ...]:
        return tuple(endpoint.model_copy(update={"host": host}) for host in self.left)

    def proof(self, change: Change, seconds: float = 60, past: Past | None = None) -> Proof:
        eyes = Eyes(self.look, self.resolve)
        return Proof(change, monotonic() + seconds, eyes, self.paused.append, past=past)


def was(
    host: str, *, reached: bool = True, seen: str | None = OLD, name: str | None = NAME
) -> Past:
    """What was seen at one address before the change."""
    return Past(
        [
            Handshake(
                task_id="t1",
                ordinal=0,
                direction=Direction.DEPLOY,
                at=datetime.now(UTC),
                endpoint="any",
                wanted=OLD,
                seen=seen,
                address=f"{host}:443",
                server_name=name,
                moment="before",
                reached=reached,
            )
        ]
    )


REPLACED = between(OLD_ONE, NEW_ONE)


def test_an_endpoint_is_looked_at_until_it_shows_the_new_certificate() -> None:
    line = Line(NOTHING, theirs, ours)
    assert line.proof(REPLACED).served([ENDPOINT]) is None
    assert line.paused == pytest.approx([0.1, 0.15])


def test_after_the_deadline_what_is_still_served_is_told() -> None:
    line = Line(theirs)
    with pytest.raises(NotServed) as caught:
        line.proof(REPLACED, seconds=0).served([ENDPOINT])
    assert line.looked == ["127.0.0.1"], "it looks once even where no time is left"
    assert OLD[:12] in caught.value.message
    assert NEW[:12] in caught.value.message


def test_one_address_that_is_still_old_fails_and_both_are_named() -> None:
    line = Line(a=[ours], b=[theirs], c=[other])
    with pytest.raises(NotServed) as caught:
        line.proof(REPLACED, seconds=0.05).served([ENDPOINT])
    told = caught.value.message
    assert f"{NAME} at b:443 still serves {OLD[:12]}" in told
    assert f"{NAME} at c:443 serves efefefefefef" in told
    assert f"{NAME} at a:443 serves the new one" in told


def test_an_address_that_has_shown_it_is_not_looked_at_again() -> None:
    line = Line(a=[ours], b=[theirs, theirs, ours])
    proof = line.proof(REPLACED)
    assert proof.served([ENDPOINT]) is None
    assert (line.looked.count("a"), line.looked.count("b")) == (1, 3)
    assert [each.finding for each in proof.looks.values()] == [Finding.SHOWN, Finding.SHOWN]


def test_an_address_that_cannot_be_reached_from_here_is_no_failure_and_not_verified() -> None:
    line = Line(a=[ours], b=[NO_ROUTE])
    proof = line.proof(REPLACED)
    assert proof.served([ENDPOINT]) is None
    assert {a.host: each.finding for a, each in proof.looks.items()} == {
        "a": Finding.SHOWN,
        "b": Finding.UNREACHED,
    }
    assert len(line.paused) == 2, "it is not waited for as long as a service needs"


@pytest.mark.parametrize("others", [{}, {"b": [ours]}])
def test_an_address_that_answered_before_and_does_not_any_more_fails(
    others: dict[str, list[Seen]],
) -> None:
    line = Line(a=[NO_ROUTE], **others)
    with pytest.raises(NoLongerReachable, match="a:443 answered before the change"):
        line.proof(REPLACED, seconds=0.3, past=was("a")).served([ENDPOINT])


def test_a_name_that_answered_elsewhere_before_and_nowhere_now_fails() -> None:
    line = Line(b=[NO_ROUTE])
    with pytest.raises(NoLongerReachable):
        line.proof(REPLACED, seconds=0.3, past=was("a")).served([ENDPOINT])


def test_what_nobody_can_reach_is_unverified_soon() -> None:
    line = Line(a=[NO_ROUTE], b=[NO_ROUTE])
    cause = line.proof(REPLACED, past=was("a", reached=False)).served([ENDPOINT])
    assert cause is not None
    assert cause.code == "Unreachable"
    assert "at a:443: No route to host" in cause.message
    assert len(line.paused) == 2


def test_where_https_was_off_it_is_waited_for_until_the_deadline() -> None:
    line = Line(*[NO_ROUTE] * 6, ours)
    assert line.proof(between(None, NEW_ONE)).served([ENDPOINT]) is None
    assert len(line.paused) == 6


def test_off_is_shown_by_an_address_that_answered_before_and_by_no_other() -> None:
    back = between(NEW_ONE, None)
    assert Line(a=[NO_ROUTE]).proof(back, past=was("a")).served([ENDPOINT]) is None
    cause = Line(a=[NO_ROUTE]).proof(back).served([ENDPOINT])
    assert cause is not None
    assert cause.code == "Unreachable"


def test_a_name_without_an_address_is_unverified() -> None:
    cause = Line().proof(REPLACED).served([ENDPOINT])
    assert cause is not None
    assert "does not resolve" in cause.message


def test_a_resource_without_any_name_is_unverified() -> None:
    cause = Line().proof(REPLACED).served([])
    assert cause is not None
    assert "no name of it is known" in cause.message


def test_without_a_name_it_counts_only_where_that_showed_it_before() -> None:
    nameless = ENDPOINT.model_copy(update={"server_name": None})
    line = Line(theirs)
    proof = line.proof(REPLACED, seconds=0.05, past=was("127.0.0.1", name=None))
    with pytest.raises(NotServed, match=r"no name at 127\.0\.0\.1:443"):
        proof.served([nameless])
    mixed = Line(other)
    proof = mixed.proof(REPLACED, past=was("127.0.0.1", seen="ef" * 32, name=None))
    assert proof.served([nameless]) is not None, "that proves nothing of the resource"
    assert [each.finding for each in proof.looks.values()] == [Finding.ASIDE]


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
    proof = Proof(between(OLD_ONE, after), monotonic() + 60, Eyes(), paused.append)
    proof.settled(connector)
    assert paused == pytest.approx([0.1, 0.15])


def test_a_change_that_a_service_never_reports_as_done_fails_at_the_deadline() -> None:
    proof = Proof(between(OLD_ONE, NEW_ONE), monotonic(), Eyes(), lambda _: None)
    with pytest.raises(Permanent) as caught:
        proof.settled(plain())
    assert caught.value.code == "NotSettled"
