"""Saving certificates: their predecessor, their name, their policy."""

from datetime import UTC, datetime
from typing import Any

import pytest

from domain.certificates.certificate import parse_pem
from domain.certificates.renewal import RenewalMode, RenewalPolicy, RenewalSettings
from domain.errors import BadInput
from starter.requests.certificates import AUTO, NONE, SavedCertificate, build_handover, save
from storage.store import Store
from tests.support.factory import CA, DAY, Leaf

AUTHORITY = CA()
NAMES = ("shop.example.com", "www.shop.example.com")
FIRST = AUTHORITY.leaf(NAMES)
FIRST_END = FIRST.certificate.not_valid_after_utc
TODAY = f"{FIRST.certificate.not_valid_before_utc:%Y-%m-%d}"
AUTOMATIC = RenewalPolicy(mode=RenewalMode.AUTOMATIC, contacts=("ops",), rollback_days=7)


def issue_later(leaf: Leaf, names: tuple[str, ...] = NAMES, **more: Any) -> Leaf:
    """One that expires a day after this one."""
    return AUTHORITY.leaf(names, not_after=leaf.certificate.not_valid_after_utc + DAY, **more)


def save_certificate(store: Store, name: str, leaf: Leaf, **words: Any) -> SavedCertificate:
    now = datetime.now(UTC)
    certificate, key = parse_pem(name, certificate=leaf.pem, key=leaf.key_pem, now=now)
    return save(store, certificate, key, **words)


def list_names(store: Store) -> list[str]:
    return [each.name for each in store.certificates.list()]


def test_a_renewed_one_follows_the_only_one_with_its_names_without_replaces(store: Store) -> None:
    old = save_certificate(store, "shop", FIRST)
    assert (old.is_new, old.renewal) == (True, RenewalSettings())
    save_certificate(store, "other", AUTHORITY.leaf(["other.example.com"]))
    new = save_certificate(store, "shop 2", issue_later(FIRST))
    assert new.renewal.replaces == old.certificate.fingerprint


def test_without_replaces_another_kind_of_key_and_what_is_ambiguous_are_left_alone(
    store: Store,
) -> None:
    save_certificate(store, "shop", FIRST)
    rsa = issue_later(FIRST, algorithm="rsa")
    assert save_certificate(store, "shop rsa", rsa).renewal.replaces is None
    save_certificate(store, "shop b", issue_later(FIRST), replaces=NONE)
    third = issue_later(issue_later(FIRST))
    kept = save_certificate(store, "shop c", third)
    assert (kept.renewal.replaces, [each.name for each in kept.candidates]) == (
        None,
        ["shop", "shop b"],
    )
    with pytest.raises(BadInput) as refusal:
        save_certificate(store, "shop d", issue_later(third), replaces=AUTO)
    assert refusal.value.code == "several-predecessors"
    assert list_names(store) == ["shop", "shop b", "shop c", "shop rsa"]
    assert save_certificate(
        store, "shop d", issue_later(rsa), replaces="shop rsa"
    ).renewal.replaces == (rsa.fingerprint)


def test_an_explicit_one_may_change_everything(store: Store) -> None:
    save_certificate(store, "shop", FIRST)
    early = AUTHORITY.leaf(["new.example.com"], algorithm="rsa", not_after=FIRST_END - DAY)
    kept = save_certificate(store, "moved", early, replaces="shop")
    assert kept.renewal.replaces == FIRST.fingerprint
    with pytest.raises(BadInput, check=lambda error: error.code == "unknown-certificate"):
        save_certificate(store, "more", issue_later(FIRST), replaces="nothing")


def test_the_same_name_each_time_makes_a_series_of_names_with_days(store: Store) -> None:
    leaf, line = FIRST, [save_certificate(store, "shop", FIRST)]
    for _ in range(3):
        leaf = issue_later(leaf)
        line.append(save_certificate(store, "shop", leaf, replaces="shop"))
    first, second, *more = (each.certificate for each in line)
    assert (first.name, second.name) == ("shop", f"shop-{TODAY}")
    assert [each.name for each in more] == [f"shop-{TODAY}-{c.fingerprint[:8]}" for c in more]
    followed = [each.renewal.replaces for each in line]
    assert followed == [None, *(each.certificate.fingerprint for each in line[:-1])]
    handover = build_handover(store, line[-1].certificate)
    assert handover.predecessors == tuple(each.certificate.fingerprint for each in line[-2::-1])


def test_a_taken_name_is_an_error_that_tells_the_way(store: Store) -> None:
    save_certificate(store, "shop", FIRST)
    with pytest.raises(BadInput, check=lambda error: error.code == "name-taken"):
        save_certificate(store, "shop", issue_later(FIRST))
    stranger = AUTHORITY.leaf(["other.example.com"])
    save_certificate(store, "other", stranger)
    for words in (dict[str, str](), {"replaces": "shop"}, {"replaces": NONE}):
        with pytest.raises(BadInput, check=lambda error: error.code == "name-taken"):
            save_certificate(store, "other", issue_later(FIRST), **words)
    assert list_names(store) == ["other", "shop"]


@pytest.mark.parametrize("words", [{"replaces": "shop"}, {"replaces": AUTO}, {}])
def test_the_very_same_one_again_is_found(store: Store, words: dict[str, str]) -> None:
    save_certificate(store, "shop", FIRST)
    name = "shop" if words else "shop 2"
    leaf = issue_later(FIRST)
    new = save_certificate(store, name, leaf, **words)
    again = save_certificate(store, name, leaf, **words)
    assert again == new._replace(is_new=False)
    assert save_certificate(store, "shop", FIRST) == SavedCertificate(
        store.certificates.find("shop"), RenewalSettings(), is_new=False
    )


def test_without_replaces_one_that_is_stored_under_another_name_is_refused(store: Store) -> None:
    save_certificate(store, "shop", FIRST)
    with pytest.raises(BadInput, check=lambda error: error.code == "certificate-exists"):
        save_certificate(store, "mine", FIRST)


def test_a_stored_one_may_still_learn_what_it_follows(store: Store) -> None:
    save_certificate(store, "shop", FIRST, mode=RenewalMode.PROPOSE)
    new = issue_later(FIRST)
    assert save_certificate(store, "new", new, replaces=NONE).renewal.replaces is None
    kept = save_certificate(store, "new", new, replaces="shop")
    assert (kept.is_new, kept.renewal.replaces) == (False, FIRST.fingerprint)
    assert kept.renewal.policy.mode is RenewalMode.PROPOSE
    assert store.certificates.get_renewal(new.fingerprint) == kept.renewal


def test_nobody_follows_itself_or_two(store: Store) -> None:
    save_certificate(store, "shop", FIRST)
    new = issue_later(FIRST)
    save_certificate(store, "new", new)
    save_certificate(store, "other", AUTHORITY.leaf(["other.example.com"]))
    with pytest.raises(BadInput, check=lambda error: error.code == "not-the-successor"):
        save_certificate(store, "new", new, replaces="other")
    with pytest.raises(BadInput, check=lambda error: error.code == "not-the-successor"):
        save_certificate(store, "shop", FIRST, replaces="new")


def test_a_successor_inherits_the_policy_and_may_change_its_mode(store: Store) -> None:
    save_certificate(store, "shop", FIRST)
    store.certificates.set_renewal(FIRST.fingerprint, RenewalSettings(policy=AUTOMATIC))
    second = issue_later(FIRST)
    assert save_certificate(store, "b", second).renewal.policy == AUTOMATIC
    third = save_certificate(store, "c", issue_later(second), mode=RenewalMode.MANUAL)
    assert third.renewal.policy == AUTOMATIC.model_copy(update={"mode": RenewalMode.MANUAL})
    again = save_certificate(store, "b", second, mode=RenewalMode.PROPOSE)
    assert again.renewal == RenewalSettings(
        replaces=FIRST.fingerprint,
        policy=AUTOMATIC.model_copy(update={"mode": RenewalMode.PROPOSE}),
    )


def test_a_deleted_predecessor_is_still_among_the_predecessors(store: Store) -> None:
    save_certificate(store, "shop", FIRST)
    second = issue_later(FIRST)
    kept = save_certificate(store, "shop", second, replaces=AUTO)
    store.certificates.delete(FIRST.fingerprint)
    handover = build_handover(store, kept.certificate)
    assert (handover.predecessors, handover.names_lost, handover.reason) == (
        (FIRST.fingerprint,),
        (),
        None,
    )
    third = save_certificate(store, "shop", issue_later(second), replaces=AUTO)
    assert third.certificate.name == "shop"


def test_what_has_a_successor_is_not_renewed_any_more(store: Store) -> None:
    first = save_certificate(store, "shop", FIRST)
    assert build_handover(store, first.certificate).reason_code == "no-predecessor"
    narrow = issue_later(FIRST, NAMES[:1])
    kept = save_certificate(store, "b", narrow, replaces="shop")
    assert build_handover(store, first.certificate).reason_code == "has-successor"
    assert build_handover(store, kept.certificate).names_lost == NAMES[1:]
