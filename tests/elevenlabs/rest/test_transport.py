"""HTTP to the vendor over real sockets: what goes out, what is taken for an answer, and what is an error."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from ivr_bridge.elevenlabs.rest import transport as module
from ivr_bridge.elevenlabs.rest.request import Repeat, Request
from ivr_bridge.elevenlabs.rest.transport import Transport
from ivr_bridge.errors import VendorBusy, VendorError, VendorFailed, VendorRejected, VendorUnreachable
from tests.support.vendor_server import Vendor, vendor_server

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]

GET = Request("GET", "/v1/x", repeat=Repeat.NEVER)
POST = Request("POST", "/v1/x", json={}, repeat=Repeat.NEVER)


class Api:
    """A transport and the answer that it gets."""

    def __init__(self, vendor: Vendor, transport: Transport) -> None:
        self.vendor = vendor
        self.transport = transport
        self.answer: Answer = self.unset

    async def unset(self, _: web.Request) -> web.Response:
        return web.Response(status=599)

    def answers(self, response: Callable[[], web.StreamResponse]) -> None:
        async def answer(_: web.Request) -> web.StreamResponse:
            return response()

        self.answer = answer


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async def dispatch(request: web.Request) -> web.StreamResponse:
        return await made.answer(request)

    async with vendor_server(routes={"* /v1/x": dispatch}) as vendor:
        made = Api(vendor, Transport(vendor.http_url + "/v1/", ("SECRET",)))
        yield made
        await made.transport.close()


async def streamed(transport: Transport, request: Request, *, audio: bool = False) -> bytes:
    async with transport.stream(request, audio=audio) as download:
        return b"".join([piece async for piece in download])


async def test_get_sends_the_key_and_spells_the_query(api: Api):
    api.answers(lambda: web.json_response({"a": [1]}))
    query = {"agent_id": "a b&c", "flag": True, "off": False, "none": None, "n": 3, "tags": ["x", "y"]}
    assert await api.transport.json(Request("GET", "/v1/x", query)) == {"a": [1]}
    ((method, path, headers, body),) = api.vendor.requests
    assert (method, body) == ("GET", b"")
    assert path == "/v1/x?agent_id=a+b%26c&flag=true&off=false&n=3&tags=x&tags=y"
    assert headers["xi-api-key"] == "SECRET"


async def test_post_sends_json_and_gives_the_bytes(api: Api):
    api.answers(lambda: web.Response(body=b"\x00\x01" * 100_000, content_type="audio/pcm"))
    request = Request("POST", "/v1/x", {"output_format": "pcm_16000"}, {"text": "¿Sí?"})
    assert await api.transport.audio(request) == b"\x00\x01" * 100_000
    assert await streamed(api.transport, request, audio=True) == b"\x00\x01" * 100_000
    for _, path, headers, body in api.vendor.requests:
        assert path.endswith("?output_format=pcm_16000")
        assert headers["Content-Type"] == "application/json"
        assert json.loads(body) == {"text": "¿Sí?"}


async def test_the_text_of_an_answer(api: Api):
    api.answers(lambda: web.Response(text="<Response>¿Sí?</Response>", content_type="text/html"))
    assert await api.transport.text(POST) == "<Response>¿Sí?</Response>"


@pytest.mark.parametrize("status", [200, 204])
async def test_an_empty_answer_is_enough_where_nothing_is_wanted(api: Api, status: int):
    api.answers(lambda: web.Response(status=status))
    await api.transport.empty(Request("DELETE", "/v1/x"))
    assert api.vendor.requests[0][0] == "DELETE"


@pytest.mark.parametrize(
    "response",
    [
        lambda: web.json_response("<Response/>"),
        lambda: web.Response(body=b"\xff\xfe<", content_type="text/html"),
        lambda: web.Response(text="x" * 1001, content_type="text/html"),
    ],
    ids=["json", "no_text", "too_long"],
)
async def test_what_is_no_text_is_not_taken_for_it(
    api: Api, response: Callable[[], web.Response], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "MAX_TEXT_BYTES", 1000)
    api.answers(response)
    with pytest.raises(VendorFailed):
        await api.transport.text(POST)


ASKS: list[Callable[[Transport], Awaitable[Any]]] = [
    lambda transport: transport.json(GET),
    lambda transport: transport.text(POST),
    lambda transport: transport.audio(POST),
    lambda transport: transport.empty(GET),
    lambda transport: streamed(transport, GET),
]


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, VendorRejected), (404, VendorRejected), (422, VendorRejected), (429, VendorBusy), (500, VendorFailed),
     (503, VendorFailed), (302, VendorFailed), (304, VendorFailed)],
)  # fmt: skip
async def test_an_error_status_is_an_error_of_the_family(api: Api, status: int, error: type[VendorError]):
    body = None if status == 304 else json.dumps({"detail": {"status": "why", "message": "words"}})
    api.answers(lambda: web.Response(status=status, text=body, headers={"request-id": "r1", "Location": "/v1/x"}))
    for ask in ASKS:
        with pytest.raises(error) as failed:
            await ask(api.transport)
        assert failed.value.status == status
        assert failed.value.request_id == "r1"
        assert "/v1/x: HTTP" in str(failed.value)
        assert "SECRET" not in str(failed.value)
    assert len(api.vendor.requests) == len(ASKS)


async def test_a_key_that_the_vendor_repeats_is_in_no_error():
    async def repeats(request: web.Request) -> web.Response:
        return web.json_response({"detail": f"who is {request.headers['xi-api-key']}?"}, status=401)

    async with vendor_server(routes={"* /v1/x": repeats}) as vendor:
        transport = Transport(vendor.http_url, ("sk_0123456789",))
        with pytest.raises(VendorError, match=r"GET /v1/x: HTTP 401: who is <hidden>\?"):
            await transport.json(Request("GET", "/v1/x"))
        await transport.close()


async def test_a_page_of_a_proxy_is_an_error_without_a_word_of_it(api: Api):
    api.answers(
        lambda: web.Response(status=502, text="<html><h1>Bad Gateway</h1>" + "x" * 100_000, content_type="text/html")
    )
    with pytest.raises(VendorFailed, match=r"^GET /v1/x: HTTP 502$"):
        await api.transport.json(GET)


@pytest.mark.parametrize(
    "response",
    [
        lambda: web.json_response({"detail": {"status": "quota_exceeded", "message": "no credits"}}),
        lambda: web.Response(body=b'{"detail":{"status":"quota_exceeded"}}', content_type="audio/mpeg"),
        lambda: web.Response(text="<html>", content_type="text/html"),
        lambda: web.Response(body=b"", content_type="audio/mpeg"),
        lambda: web.Response(body=b"", status=204),
    ],
    ids=["json", "json_called_audio", "html", "empty", "no_content"],
)
async def test_pitfall_14_an_error_text_is_never_taken_for_audio(api: Api, response: Callable[[], web.Response]):
    api.answers(response)
    with pytest.raises(VendorFailed):
        await api.transport.audio(POST)
    with pytest.raises(VendorFailed):
        await streamed(api.transport, POST, audio=True)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a":', b"\xff"])
async def test_an_answer_that_is_no_json(api: Api, body: bytes):
    api.answers(lambda: web.Response(body=body, content_type="application/json"))
    with pytest.raises(VendorFailed, match="no JSON"):
        await api.transport.json(GET)


async def hang(_: web.Request) -> web.Response:
    await asyncio.sleep(30)
    return web.Response()


async def trickle(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "audio/pcm"})
    await response.prepare(request)
    while True:
        await response.write(b"\x00\x00")
        await asyncio.sleep(0.02)


async def stall(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "audio/pcm"})
    await response.prepare(request)
    await response.write(b"\x00\x00")
    return await hang(request)


async def cut(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "audio/pcm", "Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b"\x00\x00")
    assert request.transport is not None
    request.transport.abort()
    return response


@pytest.mark.parametrize("answer", [hang, trickle])
async def test_a_time_limit_covers_the_head_and_the_body(api: Api, answer: Answer):
    api.answer = answer
    with pytest.raises(VendorUnreachable, match=r"no answer in 0\.1 s") as failed:
        await api.transport.audio(Request("POST", "/v1/x", json={}, repeat=Repeat.NEVER, timeout_s=0.1))
    assert failed.value.sent


async def test_an_answer_cut_short_is_unreachable(api: Api):
    api.answer = cut
    with pytest.raises(VendorUnreachable) as failed:
        await api.transport.audio(POST)
    assert failed.value.__cause__ is not None
    assert failed.value.sent


async def test_an_endless_answer_is_cut_off(api: Api, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MAX_AUDIO_BYTES", 100_000)
    monkeypatch.setattr(module, "MAX_DOWNLOAD_BYTES", 150_000)
    api.answers(lambda: web.Response(body=b"\x00" * 200_000, content_type="audio/pcm"))
    with pytest.raises(VendorFailed, match="longer than 100000 bytes"):
        await api.transport.audio(POST)
    with pytest.raises(VendorFailed, match="longer than 150000 bytes"):
        await streamed(api.transport, POST)


async def test_nobody_there():
    transport = Transport("http://127.0.0.1:9", ("SECRET",))
    for ask in ASKS:
        with pytest.raises(VendorUnreachable, match="no connection") as failed:
            await ask(transport)
        assert failed.value.retryable
        assert not failed.value.sent
        assert "SECRET" not in str(failed.value)
    await transport.close()
    await transport.close()


async def test_one_session_made_late_and_made_again_after_a_close(api: Api):
    api.answers(lambda: web.json_response({}))
    transport = api.transport
    assert transport._session is None
    await transport.json(GET)
    session = transport._session
    await transport.json(GET)
    assert transport._session is session
    await transport.close()
    await transport.json(GET)
    assert transport._session is not session


async def test_no_key_no_header(api: Api):
    api.answers(lambda: web.json_response({}))
    transport = Transport(api.vendor.http_url)
    await transport.json(GET)
    assert "xi-api-key" not in api.vendor.requests[0][2]
    await transport.close()
    assert "SECRET" not in repr(api.transport)


async def test_an_old_path_is_asked_by_todays(api: Api):
    async def sign(_: web.Request) -> web.Response:
        return web.json_response({"signed_url": "wss://x"})

    async with vendor_server(routes={"GET /v1/convai/conversation/get-signed-url": sign}) as vendor:
        transport = Transport(vendor.http_url)
        answer = await transport.json(Request("GET", "/v1/convai/conversation/get_signed_url", {"agent_id": "a"}))
        await transport.close()
    assert answer == {"signed_url": "wss://x"}
    assert vendor.requests[0][1] == "/v1/convai/conversation/get-signed-url?agent_id=a"


# Streams


async def test_a_stream_gives_its_head_first_and_each_piece_as_it_comes(api: Api):
    more = asyncio.Event()

    async def slowly(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "audio/mpeg; x=y", "request-id": "r1"})
        await response.prepare(request)
        await response.write(b"one")
        await more.wait()
        await response.write(b"two")
        return response

    api.answer = slowly
    async with api.transport.stream(GET, audio=True) as download:
        assert (download.content_type, download.headers["Request-Id"]) == ("audio/mpeg", "r1")
        pieces = aiter(download)
        assert await anext(pieces) == b"one"
        more.set()
        assert [piece async for piece in pieces] == [b"two"]


async def test_who_leaves_a_stream_early_leaves_nothing_behind(api: Api):
    gone = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        try:
            return await trickle(request)
        finally:
            gone.set()

    api.answer = endless
    async with api.transport.stream(GET) as download:
        async for _ in download:
            break
    await asyncio.wait_for(gone.wait(), 10)


async def test_a_stream_that_breaks_off_says_so_and_is_not_begun_again(api: Api):
    for answer, why in ((cut, "Payload|reset|closed"), (stall, r"no answer in 0\.1 s")):
        api.answer = answer
        api.vendor.requests.clear()
        async with api.transport.stream(Request("GET", "/v1/x", timeout_s=0.1)) as download:
            pieces = aiter(download)
            assert await anext(pieces) == b"\x00\x00"
            with pytest.raises(VendorUnreachable, match=why):
                await anext(pieces)
        assert len(api.vendor.requests) == 1


async def test_an_error_of_whoever_reads_is_their_own(api: Api):
    api.answers(lambda: web.Response(body=b"x"))

    async def read() -> None:
        async with api.transport.stream(GET):
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        await read()
    await api.transport.empty(GET)
