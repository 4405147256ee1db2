"""A vendor who fails, over real sockets: what is sent again, how many ask at once, and who is spared."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from ivr_bridge.elevenlabs.rest import repeating
from ivr_bridge.elevenlabs.rest import transport as transport_module
from ivr_bridge.elevenlabs.rest.breaker import FAILURES, VendorDown
from ivr_bridge.elevenlabs.rest.limits import FIRST_SPEAKING, SOCKETS
from ivr_bridge.elevenlabs.rest.repeating import MOST_ATTEMPTS
from ivr_bridge.elevenlabs.rest.request import Repeat, Request
from ivr_bridge.elevenlabs.rest.transport import Transport
from ivr_bridge.errors import VendorBusy, VendorError, VendorFailed, VendorRejected, VendorUnreachable
from tests.support.failing_vendor import (
    GET,
    OK,
    POST,
    SPEAK,
    Act,
    Vendor,
    failing_vendor,
    hang,
    html,
    refuses,
    reset,
    says,
    skip_pauses,
    transport_to,
    truncated,
)
from tests.support.vendor_server import raw_server


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


# Sent again


@pytest.mark.parametrize("act", [reset, truncated, html, says(500), says(502), refuses(429, "rate_limit_exceeded")])
async def test_what_passes_is_sent_again(vendor: Vendor, transport: Transport, act: Act):
    vendor.acts = [act, act, OK]
    with capture_logs() as logs:
        assert await transport.json(SPEAK) == {"ok": True}  # no GET: the HTTP library itself sends that twice
    assert len(vendor.seen) == 3
    assert [line["event"] for line in logs] == ["vendor.retried"] * 2


async def test_a_vendor_who_hangs_is_asked_again(vendor: Vendor, transport: Transport):
    vendor.acts = [hang, OK]
    assert await transport.json(Request("GET", "/v1/models", timeout_s=0.1)) == {"ok": True}


@pytest.mark.parametrize("act", [reset, truncated, html, says(500), hang])
async def test_what_may_have_made_something_is_not_sent_again(vendor: Vendor, transport: Transport, act: Act):
    vendor.acts = [act, OK]
    with pytest.raises(VendorError):
        await transport.json(Request("POST", "/v1/convai/agents/create", json={}, repeat=Repeat.UNSENT, timeout_s=0.1))
    assert len(vendor.seen) == 1


async def test_what_was_refused_for_its_number_made_nothing_and_is_sent_again(vendor: Vendor, transport: Transport):
    vendor.acts = [refuses(429, "system_busy"), OK]
    assert await transport.json(POST) == {"ok": True}
    assert [body for _, body in vendor.seen] == [b'{"name":"x"}'] * 2


async def test_where_there_never_was_a_connection_everything_is_sent_again(monkeypatch: pytest.MonkeyPatch):
    transport = Transport("http://127.0.0.1:9")
    with capture_logs() as logs, pytest.raises(VendorUnreachable):
        await transport.json(POST)
    assert len(logs) == MOST_ATTEMPTS - 1
    await transport.close()


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 422])
async def test_what_would_fail_again_is_not_sent_again(vendor: Vendor, transport: Transport, status: int):
    vendor.acts = [refuses(status, "quota_exceeded")]
    with pytest.raises(VendorRejected) as rejected:
        await transport.json(GET)
    assert (rejected.value.status, rejected.value.vendor_code, rejected.value.request_id) == (
        status,
        "quota_exceeded",
        "r1",
    )
    assert len(vendor.seen) == 1


async def test_retry_after_in_both_forms_and_capped(vendor: Vendor, transport: Transport, short_pauses: list[float]):
    now = datetime.now(UTC)
    date = format_datetime(now + timedelta(seconds=11), usegmt=True)
    vendor.acts = [
        refuses(429, "rate_limit_exceeded", Retry_After="7"),
        refuses(503, "", Retry_After=date, Date=format_datetime(now, usegmt=True)),
        refuses(429, "rate_limit_exceeded", Retry_After="86400"),
        OK,
    ]
    assert await transport.json(GET) == {"ok": True}
    assert short_pauses == [7, 11, repeating.LONGEST_PAUSE_S]


async def test_a_form_is_built_anew_for_each_attempt(vendor: Vendor, transport: Transport):
    def form() -> aiohttp.FormData:
        made = aiohttp.FormData()
        made.add_field("file", b"words", filename="a.txt", content_type="text/plain")
        made.add_field("name", "ivr-bridge:a")
        return made

    vendor.acts = [refuses(429, "system_busy"), refuses(429, "system_busy"), OK]
    await transport.json(Request("POST", "/v1/convai/knowledge-base/file", form=form, repeat=Repeat.UNSENT))
    assert len(vendor.seen) == 3
    for _, body in vendor.seen:
        assert b"ivr-bridge:a" in body
        assert b'name="name"' in body
        assert b"words" in body


async def test_a_stream_is_begun_again_before_its_first_byte_only(vendor: Vendor, transport: Transport):
    vendor.acts = [refuses(429, "system_busy"), reset, says(200, "words")]
    async with transport.stream(SPEAK) as download:
        assert b"".join([piece async for piece in download]) == b'"words"'
    assert len(vendor.seen) == 3
    assert transport._limits.speaking.inside == 0, "each attempt gave its place back"


# Too many


async def test_too_many_at_once_waits_for_one_of_our_own(vendor: Vendor, transport: Transport):
    first_done = asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        await first_done.wait()
        return web.json_response("first")

    vendor.acts = [slow, refuses(429, "concurrent_limit_exceeded"), says(200, "second")]
    first = asyncio.ensure_future(transport.json(SPEAK))
    while not vendor.seen:
        await asyncio.sleep(0.001)
    second = asyncio.ensure_future(transport.json(SPEAK))
    await asyncio.sleep(0.05)
    assert len(vendor.seen) == 2, "not asked again while the first one is out"
    first_done.set()
    assert (await first, await second) == ("first", "second")


@pytest.mark.parametrize("code", ["concurrent_limit_exceeded", "rate_limit_exceeded", "system_busy"])
async def test_each_429_is_told_by_its_kind(vendor: Vendor, transport: Transport, code: str):
    vendor.acts = [refuses(429, code)]
    with pytest.raises(VendorBusy) as busy:
        await transport.json(GET)
    assert busy.value.kind == code.partition("_")[0].replace("concurrent", "concurrency")
    assert busy.value.retryable
    assert len(vendor.seen) == MOST_ATTEMPTS


async def test_what_speaks_is_limited_by_what_the_vendor_says(vendor: Vendor, transport: Transport):
    async def speak(_: web.Request) -> web.Response:
        await asyncio.sleep(0.01)
        return web.Response(body=b"audio", content_type="audio/mpeg", headers={"maximum-concurrent-requests": "5"})

    vendor.acts = [speak]
    await asyncio.gather(*(transport.audio(SPEAK) for _ in range(FIRST_SPEAKING)))
    assert vendor.most <= FIRST_SPEAKING
    await asyncio.gather(*(transport.audio(SPEAK) for _ in range(40)))
    assert FIRST_SPEAKING < vendor.most <= 5


async def test_whom_a_caller_waits_for_does_not_wait_long_behind_others(
    vendor: Vendor, transport: Transport, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(transport_module, "TURN_S", 60)
    vendor.acts = [hang]
    others = [asyncio.ensure_future(transport.json(Request("GET", "/v1/x"))) for _ in range(SOCKETS)]
    await asyncio.sleep(0)
    with pytest.raises(VendorUnreachable, match="behind other requests") as late:
        await transport.json(Request("GET", "/v1/y", repeat=Repeat.NEVER, timeout_s=0.1))
    assert not late.value.sent
    for other in others:
        other.cancel()
    await asyncio.wait(others)
    vendor.acts = [OK]
    await transport.json(GET)


# Storms


async def test_200_callers_of_a_vendor_who_answers_5xx_ask_a_bounded_number_of_times(
    vendor: Vendor, transport: Transport
):
    async def down(_: web.Request) -> web.Response:
        await asyncio.sleep(0.01)
        return web.Response(status=503)

    vendor.acts = [down]
    with capture_logs() as logs:
        ends = await asyncio.gather(*(transport.json(GET) for _ in range(200)), return_exceptions=True)
    assert all(isinstance(end, VendorFailed | VendorDown) for end in ends)
    assert FAILURES <= len(vendor.seen) <= SOCKETS + FAILURES
    assert [line["part"] for line in logs if line["event"] == "vendor.lost"] == ["models"]
    asked = len(vendor.seen)
    with pytest.raises(VendorDown, match="models is down at the vendor; next probe in"):
        await transport.json(GET)
    assert len(vendor.seen) == asked
    vendor.acts = [OK]
    assert await transport.json(Request("GET", "/v1/convai/agents")) == {"ok": True}


async def test_200_callers_of_a_dead_server_knock_a_bounded_number_of_times():
    knocks = 0

    async def slam(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal knocks
        knocks += 1

    async with raw_server(slam) as url:
        transport = Transport("http" + url.removeprefix("ws").partition("/v1")[0])
        ends = await asyncio.gather(*(transport.json(GET) for _ in range(200)), return_exceptions=True)
        await transport.close()
    assert all(isinstance(end, VendorUnreachable) for end in ends)
    # the HTTP library itself knocks twice where an old connection may have been closed
    assert FAILURES <= knocks <= 2 * (SOCKETS + FAILURES)
