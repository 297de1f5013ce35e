"""When a change counts as verified, and how long the verifier waits."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from time import monotonic

import pytest

from domain.errors import BadInput, NoLongerReachable, NotServed, Permanent
from domain.plans.plan import Change
from domain.resources.resource import Binding, CertificateRef, Resource
from domain.tasks.evidence import Handshake
from domain.tasks.messages import Direction
from operations.tls.handshake import Endpoint, HandshakeResult
from operations.verification import observation
from operations.verification.observation import (
    ObservationHistory,
    Prober,
    Verdict,
    list_system_root_subjects,
    shows_state_after,
)
from operations.verification.verifier import UnverifiedCode, Verifier, list_pauses
from tests.support.plain_connector import NoSettings, Plain, build_plain
from tests.support.stored_examples import NEW, OLD, build_change

NAME = "www.example.com"
ENDPOINT = Endpoint(host=NAME, port=443, server_name=NAME)
NO_ROUTE = HandshakeResult(fingerprint=None, error="No route to host", reached=False)
NOTHING = HandshakeResult(fingerprint=None, error="Connection refused")
ours, theirs, other = (HandshakeResult(fingerprint=each) for each in (NEW, OLD, "ef" * 32))
unnamed = Binding(name="a certificate whose fingerprint nobody tells")


def between(before: Binding | None, after: Binding | None) -> Change:
    return build_change().model_copy(update={"before": before, "after": after})


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
        # A rollback to "off", or to a fingerprint that is unknown: the state before is gone.
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
def test_a_handshake_shows_whether_the_state_after_a_change_is_served(
    made: Change, seen: HandshakeResult, expected: bool
) -> None:
    assert shows_state_after(seen, made) is expected


def test_pauses_grow_up_to_five_seconds() -> None:
    first = list(islice(list_pauses(), 40))
    assert first[:3] == pytest.approx([0.1, 0.15, 0.225])
    assert first == sorted(first)
    assert max(first) == 5.0


class Addresses:
    """Addresses that serve one result after the other, and the last one from then on."""

    def __init__(self, *shown: HandshakeResult, **by_host: Sequence[HandshakeResult]) -> None:
        self.left = {host.strip("_"): list(each) for host, each in by_host.items()}
        self.left |= {"127.0.0.1": list(shown)} if shown else {}
        self.probed: list[str] = []
        self.paused: list[float] = []

    def probe(self, address: Endpoint) -> HandshakeResult:
        self.probed.append(address.host)
        left = self.left[address.host]
        return left.pop(0) if len(left) > 1 else left[0]

    def resolve(self, endpoint: Endpoint) -> tuple[Endpoint, ...]:
        return tuple(endpoint.model_copy(update={"host": host}) for host in self.left)

    def build_verifier(
        self, change: Change, seconds: float = 60, history: ObservationHistory | None = None
    ) -> Verifier:
        prober = Prober(self.probe, self.resolve)
        return Verifier(change, monotonic() + seconds, prober, self.paused.append, history=history)


def build_history(
    host: str, *, reached: bool = True, seen: str | None = OLD, name: str | None = NAME
) -> ObservationHistory:
    """The handshake with one address before the change."""
    return ObservationHistory(
        [
            Handshake(
                task_id="t1",
                ordinal=0,
                direction=Direction.DEPLOY,
                at=datetime.now(UTC),
                endpoint="any",
                expected=OLD,
                observed=seen,
                address=f"{host}:443",
                server_name=name,
                moment="before",
                reached=reached,
            )
        ]
    )


REPLACED = between(OLD_ONE, NEW_ONE)


def test_an_endpoint_is_observed_until_it_shows_the_new_certificate() -> None:
    addresses = Addresses(NOTHING, theirs, ours)
    assert addresses.build_verifier(REPLACED).wait_until_served([ENDPOINT]) is None
    assert addresses.paused == pytest.approx([0.1, 0.15])


def test_a_certificate_that_is_still_served_at_the_deadline_is_named() -> None:
    addresses = Addresses(theirs)
    with pytest.raises(NotServed) as caught:
        addresses.build_verifier(REPLACED, seconds=0).wait_until_served([ENDPOINT])
    assert addresses.probed == ["127.0.0.1"], "it observes once even if no time is left"
    assert caught.value.endpoint == f"{NAME} at 127.0.0.1:443"
    assert OLD[:12] in caught.value.found
    assert NEW[:12] in caught.value.expected
    assert (caught.value.other_failures, caught.value.served_at) == ((), ())


def test_one_address_that_still_serves_the_old_one_fails_and_all_are_named() -> None:
    addresses = Addresses(a=[ours], b=[theirs], c=[other])
    with pytest.raises(NotServed) as caught:
        addresses.build_verifier(REPLACED, seconds=0.05).wait_until_served([ENDPOINT])
    assert (caught.value.endpoint, caught.value.found) == (f"{NAME} at b:443", OLD[:12])
    (third,) = caught.value.other_failures
    assert third.startswith(f"{NAME} at c:443 ")
    assert third.endswith(" efefefefefef")
    assert caught.value.served_at == (f"{NAME} at a:443",)
    for data in (caught.value.endpoint, OLD[:12], third, *caught.value.served_at):
        assert data in caught.value.message


def test_a_verified_address_is_not_observed_again() -> None:
    addresses = Addresses(a=[ours], b=[theirs, theirs, ours])
    verifier = addresses.build_verifier(REPLACED)
    assert verifier.wait_until_served([ENDPOINT]) is None
    assert (addresses.probed.count("a"), addresses.probed.count("b")) == (1, 3)
    assert [each.verdict for each in verifier.observations.values()] == [
        Verdict.SHOWN,
        Verdict.SHOWN,
    ]


def test_an_address_that_cannot_be_reached_is_no_failure_and_not_verified() -> None:
    addresses = Addresses(a=[ours], b=[NO_ROUTE])
    verifier = addresses.build_verifier(REPLACED)
    assert verifier.wait_until_served([ENDPOINT]) is None
    assert {a.host: each.verdict for a, each in verifier.observations.items()} == {
        "a": Verdict.SHOWN,
        "b": Verdict.UNREACHED,
    }
    assert len(addresses.paused) == 2, "the verifier does not wait for it until the deadline"


@pytest.mark.parametrize("others", [{}, {"b": [ours]}])
def test_an_address_that_answered_before_and_does_not_any_more_fails(
    others: dict[str, list[HandshakeResult]],
) -> None:
    addresses = Addresses(a=[NO_ROUTE], **others)
    with pytest.raises(NoLongerReachable) as caught:
        addresses.build_verifier(
            REPLACED, seconds=0.3, history=build_history("a")
        ).wait_until_served([ENDPOINT])
    assert (caught.value.endpoint, caught.value.problem) == (f"{NAME} at a:443", NO_ROUTE.error)


def test_a_name_that_answered_elsewhere_before_and_nowhere_now_fails() -> None:
    addresses = Addresses(b=[NO_ROUTE])
    with pytest.raises(NoLongerReachable) as caught:
        addresses.build_verifier(
            REPLACED, seconds=0.3, history=build_history("a")
        ).wait_until_served([ENDPOINT])
    assert caught.value.endpoint == f"{NAME} at b:443"


def test_a_change_without_a_reachable_address_is_soon_unverified() -> None:
    addresses = Addresses(a=[NO_ROUTE], b=[NO_ROUTE])
    cause = addresses.build_verifier(
        REPLACED, history=build_history("a", reached=False)
    ).wait_until_served([ENDPOINT])
    assert cause is not None
    assert cause.code == UnverifiedCode.UNREACHABLE
    assert "a:443: No route to host" in cause.message
    assert "--probe-address" in (cause.advice or "")
    assert len(addresses.paused) == 2


def test_a_change_from_off_is_waited_for_until_the_deadline() -> None:
    addresses = Addresses(*[NO_ROUTE] * 6, ours)
    assert addresses.build_verifier(between(None, NEW_ONE)).wait_until_served([ENDPOINT]) is None
    assert len(addresses.paused) == 6


def test_only_an_address_that_answered_before_can_show_off() -> None:
    back = between(NEW_ONE, None)
    assert (
        Addresses(a=[NO_ROUTE])
        .build_verifier(back, history=build_history("a"))
        .wait_until_served([ENDPOINT])
        is None
    )
    cause = Addresses(a=[NO_ROUTE]).build_verifier(back).wait_until_served([ENDPOINT])
    assert cause is not None
    assert cause.code == UnverifiedCode.UNREACHABLE


def test_a_name_without_an_address_is_unverified() -> None:
    cause = Addresses().build_verifier(REPLACED).wait_until_served([ENDPOINT])
    assert cause is not None
    assert cause.code == UnverifiedCode.NAME_UNRESOLVED
    assert cause.unverified
    assert NAME in cause.message


def test_a_resource_without_any_name_is_unverified() -> None:
    cause = Addresses().build_verifier(REPLACED).wait_until_served([])
    assert cause is not None
    assert cause.code == UnverifiedCode.NO_KNOWN_NAME
    assert cause.unverified


def test_a_default_certificate_counts_only_if_it_was_shown_before() -> None:
    nameless = ENDPOINT.model_copy(update={"server_name": None})
    addresses = Addresses(theirs)
    verifier = addresses.build_verifier(
        REPLACED, seconds=0.05, history=build_history("127.0.0.1", name=None)
    )
    with pytest.raises(NotServed) as caught:
        verifier.wait_until_served([nameless])
    assert caught.value.endpoint.endswith(" at 127.0.0.1:443")
    assert NAME not in caught.value.endpoint
    mixed = Addresses(other)
    verifier = mixed.build_verifier(
        REPLACED, history=build_history("127.0.0.1", seen="ef" * 32, name=None)
    )
    cause = verifier.wait_until_served([nameless])
    assert cause is not None, "it shows nothing about the resource"
    assert cause.code == UnverifiedCode.ONLY_DEFAULT_CERTIFICATE
    assert [each.verdict for each in verifier.observations.values()] == [Verdict.IGNORED]


class SettlesLater(Plain):
    """Reports a change as done at the third call."""

    asked = 0

    def has_arrived(self, resource: Resource, ref: CertificateRef | None) -> bool:
        self.asked += 1
        return self.asked == 3


@pytest.mark.parametrize("after", [NEW_ONE, None])
def test_the_verifier_polls_until_the_service_reports_the_change_as_done(
    after: Binding | None,
) -> None:
    paused: list[float] = []
    connector = SettlesLater("main", NoSettings())
    verifier = Verifier(between(OLD_ONE, after), monotonic() + 60, Prober(), paused.append)
    verifier.wait_until_arrived(connector)
    assert paused == pytest.approx([0.1, 0.15])


def test_a_change_that_is_never_reported_as_done_fails_at_the_deadline() -> None:
    verifier = Verifier(between(OLD_ONE, NEW_ONE), monotonic(), Prober(), lambda _: None)
    with pytest.raises(Permanent) as caught:
        verifier.wait_until_arrived(build_plain())
    assert caught.value.code == "NotSettled"


def test_a_resolver_that_fails_for_a_moment_does_not_hide_an_address_that_answered() -> None:
    addresses = Addresses(theirs, ours)
    resolved = [addresses.resolve(ENDPOINT), (), addresses.resolve(ENDPOINT)]
    prober = Prober(addresses.probe, lambda _: resolved.pop(0))
    verifier = Verifier(REPLACED, monotonic() + 60, prober, addresses.paused.append)
    assert verifier.wait_until_served([ENDPOINT]) is None
    assert (len(addresses.paused), addresses.probed) == (2, ["127.0.0.1"] * 2)


def test_a_machine_without_a_bundle_of_roots_knows_no_root(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_: str) -> None:
        raise BadInput("no bundle", code="no-trust-bundle")

    monkeypatch.setattr(observation, "load_roots", refuse)
    list_system_root_subjects.cache_clear()
    assert list_system_root_subjects() == frozenset()
    list_system_root_subjects.cache_clear()
