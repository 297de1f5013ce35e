"""Which former certificates may leave a store: nothing that anybody could still want."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from domain.resources.resource import Binding, CertificateRef
from domain.resources.retention import (
    StoreEntry,
    Need,
    ResourceUse,
    RetentionDecision,
    decide_retention,
)

STORES = ("alibaba.cas/cn", "alibaba.clb/cn-hangzhou")
ACCOUNTS = ("main", "other")
PRINTS = tuple("abcdef")


def ref(fingerprint: str, store: str = STORES[0]) -> CertificateRef:
    return CertificateRef(store=store, fields={"cert_id": f"id of {fingerprint}"})


def held(
    fingerprint: str, *, account: str = "main", store: str = STORES[0], uploaded: bool = True
) -> StoreEntry:
    return StoreEntry(
        fingerprint=fingerprint,
        name=f"name of {fingerprint}",
        account=account,
        store=store,
        ref=ref(fingerprint, store),
        uploaded=uploaded,
    )


def serving(
    fingerprint: str | None, *served: str, resource: str = "r", known: bool = True
) -> ResourceUse:
    now = None if fingerprint is None else Binding(fingerprint=fingerprint, ref=ref(fingerprint))
    return ResourceUse(
        resource=resource, account="main", store=STORES[0], now=now, served=served, known=known
    )


def why(
    one: StoreEntry, *places: ResourceUse, needs: Iterable[Need] = (), keep: int = 2
) -> str | None:
    (verdict,) = decide_retention([one], places, needs, keep)
    return verdict.kept_because


def test_what_nobody_ever_used_may_go() -> None:
    assert why(held("a")) is None


def test_what_was_found_there_stays() -> None:
    assert why(held("a", uploaded=False)) == "it was not uploaded from here"


def test_what_is_served_stays_and_names_who_serves_it() -> None:
    places = [serving("a", resource="r2"), serving("a", resource="r1"), serving("b")]
    assert why(held("a"), *places) == "serves r1 and 1 more"
    assert why(held("a"), *places[1:]) == "serves r1"
    alike = places[0].model_copy(update={"others": 3})
    assert why(held("a"), *places[1:], alike) == "serves r1 and 4 more"


def test_what_is_served_by_reference_alone_stays() -> None:
    unnamed = ResourceUse(resource="r", account="main", now=Binding(ref=ref("a")))
    assert why(held("a"), unnamed) == "serves r"
    assert why(held("b"), unnamed) is None


def test_the_newest_former_ones_stay_for_the_way_back() -> None:
    place = serving("d", "d", "c", "b", "c", "a")
    assert [why(held(one), place) for one in "abcd"] == [
        None,
        "among the newest 2 that r served before",
        "among the newest 2 that r served before",
        "serves r",
    ]
    assert why(held("c"), place, keep=0) is None


def test_what_a_task_may_have_to_bind_again_stays() -> None:
    need = Need(
        account="main", store=STORES[0], binding=Binding(fingerprint="a"), task="task 'spring'"
    )
    assert why(held("a"), needs=[need]) == "needed by task 'spring'"
    by_ref = need.model_copy(update={"binding": Binding(ref=ref("a"))})
    assert why(held("a"), needs=[by_ref]) == "needed by task 'spring'"
    assert why(held("b"), needs=[need, by_ref]) is None


def test_what_a_resource_may_serve_stays_while_nobody_can_tell() -> None:
    told = "may serve r: what that serves is not known"
    assert why(held("a"), serving("b", "b", "a", known=False), keep=0) == told
    nameless = ResourceUse(resource="r", account="main", now=Binding(name="x"), served=("a",))
    assert why(held("a"), nameless, keep=0) == told
    unread = ResourceUse(resource="r", account="main", known=False, may_serve=("a",))
    assert why(held("a"), unread) == told


def test_another_account_or_store_has_no_say() -> None:
    place = serving("a")
    assert why(held("a", account="other"), place) is None
    assert why(held("a", store=STORES[1]), place) is None
    anywhere = ResourceUse(resource="r", account="main", now=Binding(fingerprint="a"))
    assert why(held("a", store=STORES[1]), anywhere) == "serves r"


prints = st.sampled_from(PRINTS)
bindings = st.none() | st.one_of(
    prints.map(lambda one: Binding(fingerprint=one)),
    st.tuples(prints, st.sampled_from(STORES)).map(
        lambda both: Binding(fingerprint=both[0], ref=ref(*both))
    ),
    prints.map(lambda one: Binding(ref=ref(one))),
    st.just(Binding(name="something")),
)
all_held = st.lists(
    st.builds(
        held,
        prints,
        account=st.sampled_from(ACCOUNTS),
        store=st.sampled_from(STORES),
        uploaded=st.booleans(),
    ),
    unique_by=lambda one: (one.fingerprint, one.account, one.store),
    max_size=12,
)
all_places = st.lists(
    st.builds(
        ResourceUse,
        resource=st.sampled_from(("r1", "r2", "r3")),
        account=st.sampled_from(ACCOUNTS),
        store=st.none() | st.sampled_from(STORES),
        now=bindings,
        known=st.booleans(),
        served=st.lists(prints, max_size=6).map(tuple),
        may_serve=st.lists(prints, max_size=2).map(tuple),
    ),
    max_size=6,
)
all_needs = st.lists(
    st.builds(
        Need,
        account=st.sampled_from(ACCOUNTS),
        store=st.sampled_from(STORES),
        binding=bindings.filter(bool),
        task=st.sampled_from(("t1", "t2")),
    ),
    max_size=4,
)
numbers = st.integers(0, 4)


def is_wanted(one: StoreEntry, places: list[ResourceUse], needs: list[Need], keep: int) -> bool:
    """The rule once more, said in the slow way."""
    here = [place for place in places if place.account == one.account]
    return any(
        [
            *(is_needed(one, need) for need in needs),
            *(is_served(one, place) for place in here),
            *(is_kept(one, place, keep) for place in here if place.store in (None, one.store)),
        ]
    )


def is_needed(one: StoreEntry, need: Need) -> bool:
    return (need.account, need.store) == (one.account, one.store) and is_it(need.binding, one)


def is_served(one: StoreEntry, place: ResourceUse) -> bool:
    if place.now is None or not is_it(place.now, one):
        return False
    return (place.now.ref.store if place.now.ref else place.store) in (None, one.store)


def is_kept(one: StoreEntry, place: ResourceUse, keep: int) -> bool:
    named = place.now is None or place.now.fingerprint or place.now.ref
    if not (place.known and named) and one.fingerprint in (*place.served, *place.may_serve):
        return True
    former: list[str] = []
    for fingerprint in place.served:
        if fingerprint not in former and not (place.now and fingerprint == place.now.fingerprint):
            former.append(fingerprint)
    return one.fingerprint in former[:keep]


def is_it(binding: Binding, one: StoreEntry) -> bool:
    return one.fingerprint == binding.fingerprint or one.ref == binding.ref


@given(all_held, all_places, all_needs, numbers)
def test_it_goes_only_if_it_is_ours_and_nobody_wants_it(
    everything: list[StoreEntry], places: list[ResourceUse], needs: list[Need], keep: int
) -> None:
    verdicts = decide_retention(everything, places, needs, keep)
    assert [verdict.entry for verdict in verdicts] == everything
    for verdict in verdicts:
        one = verdict.entry
        may_go = one.uploaded and not is_wanted(one, places, needs, keep)
        assert (verdict.kept_because is None) is may_go, verdict


def gone(verdicts: list[RetentionDecision]) -> set[tuple[str, str, str]]:
    return {
        (one.entry.fingerprint, one.entry.account, one.entry.store)
        for one in verdicts
        if one.kept_because is None
    }


@given(all_held, all_places, all_needs, numbers)
def test_who_keeps_more_loses_no_more(
    everything: list[StoreEntry], places: list[ResourceUse], needs: list[Need], keep: int
) -> None:
    fewer = gone(decide_retention(everything, places, needs, keep + 1))
    assert fewer <= gone(decide_retention(everything, places, needs, keep))


@given(all_held, all_places, all_needs, numbers)
def test_each_resource_keeps_its_newest_former_ones(
    everything: list[StoreEntry], places: list[ResourceUse], needs: list[Need], keep: int
) -> None:
    left = gone(decide_retention(everything, places, needs, keep))
    for place in places:
        current = place.now.fingerprint if place.now else None
        former = [one for one in dict.fromkeys(place.served) if one != current]
        for store in STORES if place.store is None else (place.store,):
            assert not {(one, place.account, store) for one in former[:keep]} & left
