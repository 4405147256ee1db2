"""Which key is used when the vendor refuses one, over real sockets."""

from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from ivr_bridge.elevenlabs.rest.transport import Transport
from ivr_bridge.errors import VendorRejected
from tests.support.failing_vendor import (
    GET,
    KEYS,
    OK,
    POST,
    SPEAK,
    Vendor,
    failing_vendor,
    refuses,
    says,
    skip_pauses,
    transport_to,
)


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    async with failing_vendor() as made:
        yield made


@pytest.fixture
async def transport(vendor: Vendor) -> AsyncIterator[Transport]:
    async with transport_to(vendor) as made:
        yield made


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    return skip_pauses(monkeypatch)


async def test_an_invalid_key_moves_on_whatever_is_asked(vendor: Vendor, transport: Transport):
    vendor.acts = [refuses(401, "invalid_api_key"), OK]
    with capture_logs() as logs:
        assert await transport.json(POST) == {"ok": True}
    await transport.json(GET)
    assert vendor.keys == [KEYS[0], KEYS[1], KEYS[1]]
    assert [(line["event"], line["position"]) for line in logs] == [("vendor.key_refused", 1)]
    assert not any(key in str(logs) for key in KEYS)


async def test_a_stream_moves_on_too(vendor: Vendor, transport: Transport):
    vendor.acts = [refuses(401, "invalid_api_key"), says(200, "words")]
    async with transport.stream(SPEAK) as download:
        assert [piece async for piece in download] == [b'"words"']
    assert vendor.keys == [KEYS[0], KEYS[1]]


@pytest.mark.parametrize("code", ["quota_exceeded", "missing_permissions"])
async def test_no_other_key_mends_a_quota_or_a_permission(vendor: Vendor, transport: Transport, code: str):
    vendor.acts = [refuses(401, code)]
    with pytest.raises(VendorRejected) as rejected:
        await transport.json(GET)
    assert vendor.keys == [KEYS[0]]
    assert rejected.value.fault == "operator"


async def test_when_every_key_is_dead_the_error_says_so(vendor: Vendor, transport: Transport):
    vendor.acts = [refuses(401, "invalid_api_key")]
    for _ in range(2):
        with pytest.raises(VendorRejected, match="every one of the 3 keys was refused") as rejected:
            await transport.json(GET)
        assert not any(key in str(rejected.value) for key in KEYS)
    assert vendor.keys == [*KEYS, KEYS[2]], "a dead key is not used again, but there must be one"


async def test_no_address_holds_a_key(vendor: Vendor, transport: Transport):
    vendor.acts = [refuses(401, "invalid_api_key"), OK]
    await transport.json(GET)
    assert not any(key in str(request.url) for request, _ in vendor.seen for key in KEYS)
