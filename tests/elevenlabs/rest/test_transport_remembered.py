"""Which answers are remembered, for how long, and when an old one stands in for a vendor who fails."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from ivr_bridge.elevenlabs.rest.request import Request
from ivr_bridge.elevenlabs.rest.transport import Transport
from ivr_bridge.errors import VendorError, VendorFailed, VendorRejected
from tests.support.failing_vendor import (
    GET,
    Act,
    Vendor,
    failing_vendor,
    html,
    refuses,
    says,
    skip_pauses,
    transport_to,
    truncated,
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


def read(answer: Any) -> Any:
    if "ok" not in answer:
        raise VendorFailed("no such thing", status=200)
    return answer["ok"]


async def test_an_answer_is_given_once_more_while_it_is_young_enough(vendor: Vendor, transport: Transport):
    vendor.acts = [says(200, {"ok": 1}), says(200, {"ok": 2}), says(200, {"ok": 3})]
    assert [await transport.cached(GET, read, max_age_s=60) for _ in range(3)] == [1, 1, 1]
    assert await transport.cached(GET, read, max_age_s=0) == 2, "asked for a new one"
    assert await transport.cached(GET, read, max_age_s=60) == 2, "which is remembered too"
    assert await transport.cached(Request("GET", "/v1/voices"), read, max_age_s=60) == 3
    assert len(vendor.seen) == 3


async def test_what_was_changed_is_asked_for_again(vendor: Vendor, transport: Transport):
    vendor.acts = [says(200, {"ok": 1}), says(200, {"ok": 2})]
    await transport.cached(GET, read, max_age_s=60)
    await transport.forget("/v1/models")
    assert await transport.cached(GET, read, max_age_s=60) == 2


@pytest.mark.parametrize("act", [html, refuses(429, "rate_limit_exceeded"), truncated, says(200, {"no": 1})])
async def test_an_old_answer_stands_in_for_a_vendor_who_fails(vendor: Vendor, transport: Transport, act: Act):
    vendor.acts = [says(200, {"ok": 1}), act]
    await transport.cached(GET, read, max_age_s=60)
    with capture_logs() as logs:
        assert await transport.cached(GET, read, max_age_s=1e-9) == 1
    assert len(vendor.seen) == 2, "nobody waits for more attempts when something stands in"
    assert [line["event"] for line in logs] == ["vendor.remembered"]
    with pytest.raises(VendorError):
        await transport.cached(GET, read, max_age_s=0)
    assert await transport.cached(GET, read, max_age_s=1e-9) == 1, "and stays while the vendor fails"


@pytest.mark.parametrize("act", [refuses(404, "not_found"), refuses(401, "missing_permissions")])
async def test_what_the_vendor_refuses_is_forgotten(vendor: Vendor, transport: Transport, act: Act):
    vendor.acts = [says(200, {"ok": 1}), act, html]
    await transport.cached(GET, read, max_age_s=60)
    with pytest.raises(VendorRejected):
        await transport.cached(GET, read, max_age_s=1e-9)
    with pytest.raises(VendorFailed):
        await transport.cached(GET, read, max_age_s=60)


async def test_what_is_something_else_is_not_remembered(vendor: Vendor, transport: Transport):
    vendor.acts = [says(200, {"no": 1}), says(200, {"ok": 1})]
    with pytest.raises(VendorFailed, match="no such thing"):
        await transport.cached(GET, read, max_age_s=60)
    assert await transport.cached(GET, read, max_age_s=60) == 1


async def test_another_account_gets_its_own_answers(vendor: Vendor, transport: Transport):
    vendor.acts = [says(200, {"ok": 1}), says(200, {"ok": 2})]
    other = Transport(vendor.url, ("other",), cache=transport._cache)
    assert await transport.cached(GET, read, max_age_s=60) == 1
    assert await other.cached(GET, read, max_age_s=60) == 2
    await other.close()
