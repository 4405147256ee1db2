"""A vendor who fails, over real sockets: what is sent again, who is spared, which key is used, what is remembered."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from ivr_bridge.elevenlabs.rest import limits as limits_module
from ivr_bridge.elevenlabs.rest import repeating
from ivr_bridge.elevenlabs.rest import transport as transport_module
from ivr_bridge.elevenlabs.rest.breaker import FAILURES, VendorDown
from ivr_bridge.elevenlabs.rest.limits import FIRST_SPEAKING, SOCKETS
from ivr_bridge.elevenlabs.rest.repeating import MOST_ATTEMPTS
from ivr_bridge.elevenlabs.rest.request import Repeat, Request
from ivr_bridge.elevenlabs.rest.transport import Transport
from ivr_bridge.errors import VendorBusy, VendorError, VendorFailed, VendorRejected, VendorUnreachable
from tests.support.vendor_server import raw_server

Act = Callable[[web.Request], Awaitable[web.StreamResponse]]

GET = Request("GET", "/v1/models", timeout_s=5)
POST = Request("POST", "/v1/convai/agents/create", json={"name": "x"}, repeat=Repeat.UNSENT)
SPEAK = Request("POST", "/v1/text-to-speech/v", json={"text": "x"})
KEYS = tuple(f"sk_{'0' * 20}{end}" for end in ("aaaa", "bbbb", "cccc"))


class Vendor:
    """Acts as `acts` say, one after the other, the last one for ever; keeps what it saw."""

    def __init__(self) -> None:
        self.acts: list[Act] = []
        self.seen: list[tuple[web.Request, bytes]] = []
        self.out = self.most = 0
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request, await request.read()))
        self.out += 1
        self.most = max(self.most, self.out)
        try:
            return await (self.acts.pop(0) if len(self.acts) > 1 else self.acts[0])(request)
        finally:
            self.out -= 1

    @property
    def keys(self) -> list[str | None]:
        return [request.headers.get("xi-api-key") for request, _ in self.seen]


def says(status: int, body: Any = None, **headers: str) -> Act:
    async def act(_: web.Request) -> web.Response:
        return web.json_response(body, status=status, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return act


def refuses(status: int, code: str, **headers: str) -> Act:
    return says(status, {"detail": {"status": code, "message": "no", "request_id": "r1"}}, **headers)


async def reset(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def truncated(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "100"})
    await response.prepare(request)
    await response.write(b'{"a":')
    return await reset(request)


async def html(_: web.Request) -> web.Response:
    return web.Response(status=503, text="<html>Service Unavailable</html>", content_type="text/html")


async def hang(_: web.Request) -> web.Response:
    await asyncio.sleep(30)
    return web.Response()


OK = says(200, {"ok": True})


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    made = Vendor()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.05)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


@pytest.fixture
async def transport(vendor: Vendor) -> AsyncIterator[Transport]:
    made = Transport(vendor.url, KEYS)
    yield made
    await made.close()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were asked for; none of them is really made."""
    asked: list[float] = []
    real = repeating.pause_s

    def pause_s(state: Any) -> float:
        asked.append(real(state))
        return 0.0

    monkeypatch.setattr(repeating, "pause_s", pause_s)
    monkeypatch.setattr(limits_module, "LONE_PAUSE_S", 0.001)
    return asked


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


# Keys


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


# Remembered


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
