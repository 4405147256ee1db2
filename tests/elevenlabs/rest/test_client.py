import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web

from ivr_bridge.elevenlabs.rest import client as module
from ivr_bridge.elevenlabs.rest.client import RestClient, segment
from ivr_bridge.errors import VendorBusy, VendorError, VendorFailed, VendorRejected, VendorUnreachable
from tests.support.vendor_server import Vendor, vendor_server

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _Api:
    """A client and the answer that it gets."""

    def __init__(self) -> None:
        self.answer: Answer = self.unset
        self.vendor = Vendor()
        self.client = RestClient("http://127.0.0.1:9", "SECRET")

    async def unset(self, _: web.Request) -> web.Response:
        return web.Response(status=599)

    def answers(self, response: Callable[[], web.StreamResponse]) -> None:
        async def answer(_: web.Request) -> web.StreamResponse:
            return response()

        self.answer = answer


@pytest.fixture
async def api() -> AsyncIterator[_Api]:
    api = _Api()

    async def dispatch(request: web.Request) -> web.StreamResponse:
        return await api.answer(request)

    async with vendor_server(routes={"GET /v1/x": dispatch, "POST /v1/x": dispatch}) as vendor:
        api.vendor = vendor
        api.client = RestClient(vendor.http_url + "/", "SECRET")
        yield api
        await api.client.close()


async def test_get_sends_the_key_and_spells_the_query(api: _Api):
    api.answers(lambda: web.json_response({"a": [1]}))
    query = {"agent_id": "a b&c", "flag": True, "off": False, "none": None, "n": 3}
    assert await api.client.get_json("/v1/x", query=query) == {"a": [1]}
    ((method, path, headers, body),) = api.vendor.requests
    assert (method, body) == ("GET", b"")
    assert path == "/v1/x?agent_id=a+b%26c&flag=true&off=false&n=3"
    assert headers["xi-api-key"] == "SECRET"


async def test_post_sends_json_and_gives_the_bytes(api: _Api):
    api.answers(lambda: web.Response(body=b"\x00\x01" * 100_000, content_type="audio/pcm"))
    audio = await api.client.post_bytes("/v1/x", {"text": "¿Sí?"}, query={"output_format": "pcm_16000"})
    assert audio == b"\x00\x01" * 100_000
    ((_, path, headers, body),) = api.vendor.requests
    assert path.endswith("?output_format=pcm_16000")
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body) == {"text": "¿Sí?"}


async def test_post_gives_the_text_of_an_answer(api: _Api):
    api.answers(lambda: web.Response(text="<Response>¿Sí?</Response>", content_type="text/html"))
    assert await api.client.post_text("/v1/x", {"agent_id": "a"}) == "<Response>¿Sí?</Response>"
    ((method, _, _, body),) = api.vendor.requests
    assert (method, json.loads(body)) == ("POST", {"agent_id": "a"})


@pytest.mark.parametrize(
    "response",
    [
        lambda: web.json_response("<Response/>"),
        lambda: web.Response(body=b"\xff\xfe<", content_type="text/html"),
        lambda: web.Response(text="x" * (64 * 1024 + 1), content_type="text/html"),
    ],
    ids=["json", "no_text", "too_long"],
)
async def test_what_is_no_text_is_not_taken_for_it(api: _Api, response: Callable[[], web.Response]):
    api.answers(response)
    with pytest.raises(VendorFailed):
        await api.client.post_text("/v1/x", {})


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, VendorRejected), (404, VendorRejected), (422, VendorRejected), (429, VendorBusy), (500, VendorFailed),
     (503, VendorFailed), (302, VendorFailed), (304, VendorFailed)],
)  # fmt: skip
async def test_an_error_status_is_an_error_of_the_family(api: _Api, status: int, error: type[VendorError]):
    body = None if status == 304 else json.dumps({"detail": {"status": "why", "message": "words"}})
    api.answers(lambda: web.Response(status=status, text=body, headers={"request-id": "r1", "Location": "/v1/x"}))
    for ask in (api.client.get_json("/v1/x"), api.client.post_bytes("/v1/x", {})):
        with pytest.raises(error) as failed:
            await ask
        assert failed.value.status == status
        assert failed.value.request_id == "r1"
        assert "/v1/x: HTTP" in str(failed.value)
        assert "SECRET" not in str(failed.value)
    assert len(api.vendor.requests) == 2


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
async def test_pitfall_14_an_error_text_is_never_taken_for_audio(api: _Api, response: Callable[[], web.Response]):
    api.answers(response)
    with pytest.raises(VendorFailed):
        await api.client.post_bytes("/v1/x", {})


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a":', b"\xff"])
async def test_an_answer_that_is_no_json(api: _Api, body: bytes):
    api.answers(lambda: web.Response(body=body, content_type="application/json"))
    with pytest.raises(VendorFailed, match="no JSON"):
        await api.client.get_json("/v1/x")


async def test_a_time_limit_covers_the_head_and_the_body(api: _Api):
    async def hang(_: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "audio/pcm"})
        await response.prepare(request)
        while True:
            await response.write(b"\x00\x00")
            await asyncio.sleep(0.02)

    for answer in (hang, trickle):
        api.answer = answer
        with pytest.raises(VendorUnreachable, match=r"no answer in 0\.1 s"):
            await api.client.post_bytes("/v1/x", {}, timeout_s=0.1)


async def test_an_answer_cut_short_is_unreachable(api: _Api):
    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "audio/pcm", "Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"\x00\x00")
        assert request.transport is not None
        request.transport.abort()
        return response

    api.answer = cut
    with pytest.raises(VendorUnreachable) as failed:
        await api.client.post_bytes("/v1/x", {})
    assert failed.value.__cause__ is not None


async def test_an_endless_answer_is_cut_off(api: _Api, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MAX_AUDIO_BYTES", 100_000)
    api.answers(lambda: web.Response(body=b"\x00" * 200_000, content_type="audio/pcm"))
    with pytest.raises(VendorFailed, match="longer than 100000 bytes"):
        await api.client.post_bytes("/v1/x", {})


async def test_nobody_there():
    client = RestClient("http://127.0.0.1:9", "SECRET")
    with pytest.raises(VendorUnreachable) as failed:
        await client.get_json("/v1/x")
    assert failed.value.retryable
    assert "SECRET" not in str(failed.value)
    await client.close()
    await client.close()


async def test_one_session_made_late_and_made_again_after_a_close(api: _Api):
    api.answers(lambda: web.json_response({}))
    assert api.client._session is None
    await api.client.get_json("/v1/x")
    session = api.client._session
    await api.client.get_json("/v1/x")
    assert api.client._session is session
    await api.client.close()
    await api.client.get_json("/v1/x")
    assert api.client._session is not session


async def test_no_key_no_header_and_the_websocket_host(api: _Api):
    api.answers(lambda: web.json_response({}))
    client = RestClient(api.vendor.http_url, "")
    await client.get_json("/v1/x")
    assert "xi-api-key" not in api.vendor.requests[0][2]
    assert client.key_header == {}
    await client.close()
    assert RestClient("https://api.elevenlabs.io/", "k").websocket_url == "wss://api.elevenlabs.io"
    assert "SECRET" not in repr(api.client)


@pytest.mark.parametrize(("text", "quoted"), [("a/b", "a%2Fb"), ("../x?y#z", "..%2Fx%3Fy%23z"), ("é", "%C3%A9")])
def test_an_id_leads_nowhere_else(text: str, quoted: str):
    assert segment(text) == quoted
