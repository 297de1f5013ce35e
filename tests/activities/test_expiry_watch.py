"""Activities of the expiry watch: what a contact gets, and errors that are not retried."""

from collections.abc import Iterator

import pytest
from pytest_httpserver import HTTPServer
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.expiry_watch import ExpiryWatchActivities, NewsRequest
from domain.resources.resource import Binding, DiscoveredResource
from storage.settings import Settings
from storage.store import Store
from tests.support.stored_examples import NOW, OLD, build_account, build_resource


@pytest.fixture
def hook() -> Iterator[HTTPServer]:
    """A web server on loopback that receives the webhooks of contacts."""
    with HTTPServer(host="127.0.0.1") as running:
        yield running


async def test_a_contact_is_sent_what_expires_unless_its_channel_refuses(
    store: Store, settings: Settings, hook: HTTPServer
) -> None:
    store.accounts.add(build_account(), {"k": "v"})
    binding = Binding(fingerprint=OLD, not_after=NOW)
    found = DiscoveredResource(resource=build_resource(), binding=binding, binding_known=True)
    store.inventory.upsert([found], NOW)
    hook.expect_request("/hook").respond_with_data("")
    hook.expect_request("/gone").respond_with_data("", status=404)
    for name in ("hook", "gone"):
        store.contacts.add(name, "webhook", hook.url_for(f"/{name}"))
    activities, environment = ExpiryWatchActivities(store, settings), ActivityEnvironment()

    assert sorted(environment.run(activities.list_news_contacts)) == ["gone", "hook"]
    request = NewsRequest(contact="hook", at=NOW)
    report = await environment.run(activities.send_expiry_news, request)
    assert (report.contact, report.sent) == ("hook", {"expiring": 1})
    with pytest.raises(ApplicationError) as caught:
        await environment.run(activities.send_expiry_news, NewsRequest(contact="gone", at=NOW))
    assert (caught.value.type, caught.value.non_retryable) == ("WebhookRefused", True)
