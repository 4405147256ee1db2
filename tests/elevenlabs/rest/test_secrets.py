"""Secrets: values go in and are never seen again."""

import pytest

from ivr_bridge.elevenlabs.rest.request import Repeat
from ivr_bridge.elevenlabs.rest.secrets import Secrets
from ivr_bridge.errors import VendorRejected
from tests.support.vendor_answers import VendorAnswers

STORED = {"type": "stored", "secret_id": "s1", "name": "crm"}


async def test_a_secret_is_kept_changed_and_deleted():
    vendor = VendorAnswers(STORED)
    secrets = Secrets(vendor.transport)
    assert (await secrets.create("crm", "hunter2")).secret_id == "s1"
    assert (await secrets.update("s1", "crm", "hunter3")).name == "crm"
    assert (await secrets.get("s1")).used_by == {}
    await secrets.delete("s1")
    assert vendor.asked == [
        ("POST /v1/convai/secrets", {}),
        ("PATCH /v1/convai/secrets/s1", {}),
        ("GET /v1/convai/secrets/s1", {}),
        ("DELETE /v1/convai/secrets/s1", {}),
    ]
    assert vendor.bodies[:2] == [
        {"type": "new", "name": "crm", "value": "hunter2"},
        {"type": "update", "name": "crm", "value": "hunter3"},
    ]
    assert [request.repeat for request in vendor.requests][:2] == [Repeat.UNSENT, Repeat.SAFE]
    assert "hunter" not in repr(vendor.requests)


async def test_an_error_does_not_tell_the_value():
    vendor = VendorAnswers(VendorRejected("HTTP 422: value: hunter2 is too short", status=422))
    for attempt in (
        Secrets(vendor.transport).create("crm", "hunter2"),
        Secrets(vendor.transport).update("s", "crm", "hunter2"),
    ):
        with pytest.raises(VendorRejected, match="too short") as caught:
            await attempt
        assert "hunter2" not in str(caught.value)


async def test_no_value_is_not_sent():
    vendor = VendorAnswers(STORED)
    with pytest.raises(ValueError, match="empty"):
        await Secrets(vendor.transport).create("crm", "")
    assert vendor.requests == []


async def test_the_list_goes_on_to_its_end():
    vendor = VendorAnswers({"secrets": [STORED], "next_cursor": "c"}, {"secrets": [], "next_cursor": None})
    assert [secret.name async for secret in Secrets(vendor.transport).list(search="c")] == ["crm"]
    assert [query for _, query in vendor.asked] == [
        {"page_size": 100, "search": "c"},
        {"page_size": 100, "search": "c", "cursor": "c"},
    ]
