"""A certificate may be removed from a store only if nobody can need it any more."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from domain.resources.resource import Binding, CertificateRef
from domain.resources.retention import (
    Need,
    ResourceUse,
    RetentionDecision,
    StoreEntry,
    decide_retention,
)

STORES = ("alibaba.cas/cn", "alibaba.clb/cn-hangzhou")
ACCOUNTS = ("main", "other")
PRINTS = tuple("abcdef")


def ref(fingerprint: str, store: str = STORES[0]) -> CertificateRef:
    return CertificateRef(store=store, fields={"cert_id": f"id of {fingerprint}"})


def build_entry(
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


def using(
    fingerprint: str | None, *served: str, resource: str = "r", known: bool = True
) -> ResourceUse:
    now = None if fingerprint is None else Binding(fingerprint=fingerprint, ref=ref(fingerprint))
    return ResourceUse(
        resource=resource, account="main", store=STORES[0], now=now, served=served, known=known
    )


def decide(
    entry: StoreEntry, *uses: ResourceUse, needs: Iterable[Need] = (), keep: int = 2
) -> RetentionDecision:
    (decision,) = decide_retention([entry], uses, needs, keep)
    return decision


def get_code(
    entry: StoreEntry, *uses: ResourceUse, needs: Iterable[Need] = (), keep: int = 2
) -> str | None:
    return decide(entry, *uses, needs=needs, keep=keep).code


def test_a_certificate_that_nobody_used_may_go() -> None:
    assert decide(build_entry("a")) == RetentionDecision(entry=build_entry("a"), kept_because=None)


def test_a_certificate_that_somebody_else_uploaded_is_kept() -> None:
    assert get_code(build_entry("a", uploaded=False)) == "not-uploaded"


def test_a_served_certificate_is_kept_and_the_reason_names_who_serves_it() -> None:
    uses = [using("a", resource="r2"), using("a", resource="r1"), using("b")]
    assert get_code(build_entry("a"), *uses) == "served"
    assert decide(build_entry("a"), *uses).kept_because == "serves r1 and 1 more"
    assert decide(build_entry("a"), *uses[1:]).kept_because == "serves r1"
    alike = uses[0].model_copy(update={"others": 3})
    assert decide(build_entry("a"), *uses[1:], alike).kept_because == "serves r1 and 4 more"


def test_a_certificate_that_is_served_by_reference_alone_is_kept() -> None:
    unnamed = ResourceUse(resource="r", account="main", now=Binding(ref=ref("a")))
    assert get_code(build_entry("a"), unnamed) == "served"
    assert get_code(build_entry("b"), unnamed) is None


def test_the_newest_former_certificates_are_kept_for_a_rollback() -> None:
    use = using("d", "d", "c", "b", "c", "a")
    codes = [get_code(build_entry(one), use) for one in "abcd"]
    assert codes == [None, "served-before", "served-before", "served"]
    assert get_code(build_entry("c"), use, keep=0) is None


def test_a_certificate_that_a_task_may_bind_again_is_kept() -> None:
    need = Need(
        account="main", store=STORES[0], binding=Binding(fingerprint="a"), task="task 'spring'"
    )
    by_ref = need.model_copy(update={"binding": Binding(ref=ref("a"))})
    for one in (need, by_ref):
        decision = decide(build_entry("a"), needs=[one])
        assert decision.code == "needed"
        assert "task 'spring'" in (decision.kept_because or "")
    assert get_code(build_entry("b"), needs=[need, by_ref]) is None


def test_a_certificate_that_a_resource_may_serve_is_kept() -> None:
    code = "may-be-served"
    assert get_code(build_entry("a"), using("b", "b", "a", known=False), keep=0) == code
    nameless = ResourceUse(resource="r", account="main", now=Binding(name="x"), served=("a",))
    assert get_code(build_entry("a"), nameless, keep=0) == code
    unread = ResourceUse(resource="r", account="main", known=False, may_serve=("a",))
    assert get_code(build_entry("a"), unread) == code


def test_the_most_important_reason_is_reported() -> None:
    former = using("b", "b", "a", resource="r1")
    assert get_code(build_entry("a"), former) == "served-before"
    assert get_code(build_entry("a"), former, using("a", resource="r2")) == "served"


def test_another_account_or_store_does_not_keep_a_certificate() -> None:
    use = using("a")
    assert get_code(build_entry("a", account="other"), use) is None
    assert get_code(build_entry("a", store=STORES[1]), use) is None
    anywhere = ResourceUse(resource="r", account="main", now=Binding(fingerprint="a"))
    assert get_code(build_entry("a", store=STORES[1]), anywhere) == "served"


prints = st.sampled_from(PRINTS)
bindings = st.none() | st.one_of(
    prints.map(lambda one: Binding(fingerprint=one)),
    st.tuples(prints, st.sampled_from(STORES)).map(
        lambda both: Binding(fingerprint=both[0], ref=ref(*both))
    ),
    prints.map(lambda one: Binding(ref=ref(one))),
    st.just(Binding(name="something")),
)
all_entries = st.lists(
    st.builds(
        build_entry,
        prints,
        account=st.sampled_from(ACCOUNTS),
        store=st.sampled_from(STORES),
        uploaded=st.booleans(),
    ),
    unique_by=lambda one: (one.fingerprint, one.account, one.store),
    max_size=12,
)
all_uses = st.lists(
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


def is_kept(one: StoreEntry, uses: list[ResourceUse], needs: list[Need], keep: int) -> bool:
    """A slow implementation of the same rule."""
    here = [use for use in uses if use.account == one.account]
    return any(
        [
            *(is_needed(one, need) for need in needs),
            *(is_served(one, use) for use in here),
            *(
                is_kept_for_rollback(one, use, keep)
                for use in here
                if use.store in (None, one.store)
            ),
        ]
    )


def is_needed(one: StoreEntry, need: Need) -> bool:
    return (need.account, need.store) == (one.account, one.store) and is_it(need.binding, one)


def is_served(one: StoreEntry, use: ResourceUse) -> bool:
    if use.now is None or not is_it(use.now, one):
        return False
    return (use.now.ref.store if use.now.ref else use.store) in (None, one.store)


def is_kept_for_rollback(one: StoreEntry, use: ResourceUse, keep: int) -> bool:
    named = use.now is None or use.now.fingerprint or use.now.ref
    if not (use.known and named) and one.fingerprint in (*use.served, *use.may_serve):
        return True
    former: list[str] = []
    for fingerprint in use.served:
        if fingerprint not in former and not (use.now and fingerprint == use.now.fingerprint):
            former.append(fingerprint)
    return one.fingerprint in former[:keep]


def is_it(binding: Binding, one: StoreEntry) -> bool:
    return one.fingerprint == binding.fingerprint or one.ref == binding.ref


@given(all_entries, all_uses, all_needs, numbers)
def test_a_certificate_may_go_only_if_we_uploaded_it_and_nobody_needs_it(
    everything: list[StoreEntry], uses: list[ResourceUse], needs: list[Need], keep: int
) -> None:
    decisions = decide_retention(everything, uses, needs, keep)
    assert [decision.entry for decision in decisions] == everything
    for decision in decisions:
        one = decision.entry
        may_go = one.uploaded and not is_kept(one, uses, needs, keep)
        assert (decision.kept_because is None) is may_go, decision


def list_removable(decisions: list[RetentionDecision]) -> set[tuple[str, str, str]]:
    return {
        (one.entry.fingerprint, one.entry.account, one.entry.store)
        for one in decisions
        if one.kept_because is None
    }


@given(all_entries, all_uses, all_needs, numbers)
def test_a_greater_number_to_keep_removes_no_more(
    everything: list[StoreEntry], uses: list[ResourceUse], needs: list[Need], keep: int
) -> None:
    fewer = list_removable(decide_retention(everything, uses, needs, keep + 1))
    assert fewer <= list_removable(decide_retention(everything, uses, needs, keep))


@given(all_entries, all_uses, all_needs, numbers)
def test_each_resource_keeps_its_newest_former_ones(
    everything: list[StoreEntry], uses: list[ResourceUse], needs: list[Need], keep: int
) -> None:
    left = list_removable(decide_retention(everything, uses, needs, keep))
    for use in uses:
        current = use.now.fingerprint if use.now else None
        former = [one for one in dict.fromkeys(use.served) if one != current]
        for store in STORES if use.store is None else (use.store,):
            assert not {(one, use.account, store) for one in former[:keep]} & left
