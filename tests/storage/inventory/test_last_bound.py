"""Our own record of what was bound where no service tells it."""

from domain.resources.resource import Binding
from storage.store import Store
from tests.support.stored_examples import LATER, NEW, NOW, OLD, build_account, build_resource


def test_nothing_is_remembered_of_what_was_never_bound(store: Store) -> None:
    assert store.last_bindings.get("main/alibaba.cdn/a.example.com/sm") is None


def test_the_latest_binding_is_remembered_and_goes_with_the_account(store: Store) -> None:
    store.accounts.add(build_account(), {})
    place = build_resource()
    former, latest = Binding(fingerprint=OLD), Binding(fingerprint=NEW, names=("a.example.com",))
    for made, at in ((former, NOW), (latest, LATER)):
        store.last_bindings.save(place, made, at)
        assert store.last_bindings.get(place.id) == made
    store.accounts.delete(build_account().name)
    assert store.last_bindings.get(place.id) is None
