"""Keeping a certificate as the successor of another: which one, under which name, only once."""

from datetime import UTC, datetime
from typing import Any

import pytest

from domain.certificates.certificate import parse_pem
from domain.certificates.renewal import Mode, Policy, Standing
from domain.errors import BadInput
from starter.requests.certificates import AUTO, NONE, Kept, keep, look
from storage.store import Store
from tests.support.factory import CA, DAY, Leaf

AUTHORITY = CA()
NAMES = ("shop.example.com", "www.shop.example.com")
FIRST = AUTHORITY.leaf(NAMES)
FIRST_END = FIRST.certificate.not_valid_after_utc
TODAY = f"{FIRST.certificate.not_valid_before_utc:%Y-%m-%d}"
AUTOMATIC = Policy(mode=Mode.AUTOMATIC, contacts=("ops",), rollback_days=7)


def later(leaf: Leaf, names: tuple[str, ...] = NAMES, **more: Any) -> Leaf:
    """One that expires a day after this one."""
    return AUTHORITY.leaf(names, not_after=leaf.certificate.not_valid_after_utc + DAY, **more)


def stored(store: Store, name: str, leaf: Leaf, **words: Any) -> Kept:
    now = datetime.now(UTC)
    certificate, key = parse_pem(name, certificate=leaf.pem, key=leaf.key_pem, now=now)
    return keep(store, certificate, key, **words)


def names(store: Store) -> list[str]:
    return [each.name for each in store.certificates.list()]


def test_a_renewed_one_follows_the_only_one_with_its_names_without_a_word(store: Store) -> None:
    old = stored(store, "shop", FIRST)
    assert (old.is_new, old.standing) == (True, Standing())
    stored(store, "other", AUTHORITY.leaf(["other.example.com"]))
    new = stored(store, "shop 2", later(FIRST))
    assert new.standing.replaces == old.certificate.fingerprint


def test_without_a_word_another_kind_of_key_and_what_is_ambiguous_are_left_alone(
    store: Store,
) -> None:
    stored(store, "shop", FIRST)
    rsa = later(FIRST, algorithm="rsa")
    assert stored(store, "shop rsa", rsa).standing.replaces is None
    stored(store, "shop b", later(FIRST), replaces=NONE)
    third = later(later(FIRST))
    kept = stored(store, "shop c", third)
    assert (kept.standing.replaces, [each.name for each in kept.rivals]) == (
        None,
        ["shop", "shop b"],
    )
    with pytest.raises(BadInput, match=r"could be the successor of 3 certificates: shop \("):
        stored(store, "shop d", later(third), replaces=AUTO)
    assert names(store) == ["shop", "shop b", "shop c", "shop rsa"]
    assert stored(store, "shop d", later(rsa), replaces="shop rsa").standing.replaces == (
        rsa.fingerprint
    )


def test_an_explicit_one_may_change_everything(store: Store) -> None:
    stored(store, "shop", FIRST)
    early = AUTHORITY.leaf(["new.example.com"], algorithm="rsa", not_after=FIRST_END - DAY)
    kept = stored(store, "moved", early, replaces="shop")
    assert kept.standing.replaces == FIRST.fingerprint
    with pytest.raises(BadInput, match="there is no certificate 'nothing'"):
        stored(store, "more", later(FIRST), replaces="nothing")


def test_the_same_name_each_time_makes_a_line_of_names_with_days(store: Store) -> None:
    leaf, line = FIRST, [stored(store, "shop", FIRST)]
    for _ in range(3):
        leaf = later(leaf)
        line.append(stored(store, "shop", leaf, replaces="shop"))
    first, second, *more = (each.certificate for each in line)
    assert (first.name, second.name) == ("shop", f"shop-{TODAY}")
    assert [each.name for each in more] == [f"shop-{TODAY}-{c.fingerprint[:8]}" for c in more]
    followed = [each.standing.replaces for each in line]
    assert followed == [None, *(each.certificate.fingerprint for each in line[:-1])]
    told = look(store, line[-1].certificate)
    assert told.predecessors == tuple(each.certificate.fingerprint for each in line[-2::-1])


def test_a_taken_name_is_an_error_that_tells_the_way(store: Store) -> None:
    stored(store, "shop", FIRST)
    with pytest.raises(BadInput, match="add --replaces auto; else choose another name"):
        stored(store, "shop", later(FIRST))
    stranger = AUTHORITY.leaf(["other.example.com"])
    stored(store, "other", stranger)
    for words in (dict[str, str](), {"replaces": "shop"}, {"replaces": NONE}):
        with pytest.raises(BadInput, match="the name 'other' is taken by another certificate"):
            stored(store, "other", later(FIRST), **words)
    assert names(store) == ["other", "shop"]


@pytest.mark.parametrize("words", [{"replaces": "shop"}, {"replaces": AUTO}, {}])
def test_the_very_same_one_again_is_found(store: Store, words: dict[str, str]) -> None:
    stored(store, "shop", FIRST)
    name = "shop" if words else "shop 2"
    leaf = later(FIRST)
    new = stored(store, name, leaf, **words)
    again = stored(store, name, leaf, **words)
    assert again == new._replace(is_new=False)
    assert stored(store, "shop", FIRST) == Kept(
        store.certificates.find("shop"), Standing(), is_new=False
    )


def test_without_a_word_one_that_is_stored_under_another_name_is_refused(store: Store) -> None:
    stored(store, "shop", FIRST)
    with pytest.raises(BadInput, match="this certificate is already stored as 'shop'"):
        stored(store, "mine", FIRST)


def test_a_stored_one_may_still_learn_what_it_follows(store: Store) -> None:
    stored(store, "shop", FIRST, mode=Mode.PROPOSE)
    new = later(FIRST)
    assert stored(store, "new", new, replaces=NONE).standing.replaces is None
    kept = stored(store, "new", new, replaces="shop")
    assert (kept.is_new, kept.standing.replaces) == (False, FIRST.fingerprint)
    assert kept.standing.policy.mode is Mode.PROPOSE
    assert store.certificates.standing(new.fingerprint) == kept.standing


def test_nobody_follows_itself_or_two(store: Store) -> None:
    stored(store, "shop", FIRST)
    new = later(FIRST)
    stored(store, "new", new)
    stored(store, "other", AUTHORITY.leaf(["other.example.com"]))
    with pytest.raises(BadInput, match="'new' is stored already, and does not follow 'other'"):
        stored(store, "new", new, replaces="other")
    with pytest.raises(BadInput, match="'shop' is stored already, and does not follow 'new'"):
        stored(store, "shop", FIRST, replaces="new")


def test_a_successor_inherits_the_policy_and_may_change_its_mode(store: Store) -> None:
    stored(store, "shop", FIRST)
    store.certificates.stand(FIRST.fingerprint, Standing(policy=AUTOMATIC))
    second = later(FIRST)
    assert stored(store, "b", second).standing.policy == AUTOMATIC
    third = stored(store, "c", later(second), mode=Mode.MANUAL)
    assert third.standing.policy == AUTOMATIC.model_copy(update={"mode": Mode.MANUAL})
    again = stored(store, "b", second, mode=Mode.PROPOSE)
    assert again.standing == Standing(
        replaces=FIRST.fingerprint, policy=AUTOMATIC.model_copy(update={"mode": Mode.PROPOSE})
    )


def test_a_deleted_predecessor_is_still_part_of_the_line(store: Store) -> None:
    stored(store, "shop", FIRST)
    second = later(FIRST)
    kept = stored(store, "shop", second, replaces=AUTO)
    store.certificates.delete(FIRST.fingerprint)
    told = look(store, kept.certificate)
    assert (told.predecessors, told.lost, told.reason) == ((FIRST.fingerprint,), (), None)
    third = stored(store, "shop", later(second), replaces=AUTO)
    assert third.certificate.name == "shop"


def test_what_has_a_successor_is_handed_to_nobody_any_more(store: Store) -> None:
    first = stored(store, "shop", FIRST)
    assert look(store, first.certificate).reason == "it replaces no other certificate"
    narrow = later(FIRST, NAMES[:1])
    kept = stored(store, "b", narrow, replaces="shop")
    assert look(store, first.certificate).reason == (
        "it has a successor, b: nothing is done for it any more"
    )
    assert look(store, kept.certificate).lost == NAMES[1:]
