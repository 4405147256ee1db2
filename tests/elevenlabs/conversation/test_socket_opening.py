import asyncio

import pytest
from aiohttp import web

from ivr_bridge.elevenlabs.conversation.socket import AgentConversation
from ivr_bridge.errors import AgentRefused, AgentUnreachable, AudioFormatError
from tests.support.vendor_server import Vendor, raw_server, vendor_server


async def _listen(vendor: Vendor, ws: web.WebSocketResponse) -> None:
    await vendor.begin(ws)
    await vendor.read_all(ws)


@pytest.mark.parametrize(
    ("status", "error"),
    [(302, AgentRefused), (400, AgentRefused), (401, AgentRefused), (403, AgentRefused), (404, AgentRefused),
     (429, AgentUnreachable), (500, AgentUnreachable), (503, AgentUnreachable)],
)  # fmt: skip
async def test_a_refused_handshake_is_told_by_whose_fault_it_is(status: int, error: type[Exception]):
    async def refuse(_: web.Request) -> web.Response:
        detail = {"status": "some_code", "message": "the vendor's words"}
        headers = {"Location": "/"} if status == 302 else None
        return web.json_response({"detail": detail}, status=status, headers=headers)

    async with vendor_server(routes={"GET /v1/convai/conversation": refuse}) as vendor:
        with pytest.raises(error, match=f"HTTP {status} some_code: the vendor's words") as failed:
            await AgentConversation.open(url=vendor.ws_url + "?sig=SECRET", headers={"xi-api-key": "SECRET"})
        assert "SECRET" not in str(failed.value)


@pytest.mark.parametrize(
    ("code", "error"),
    [(1008, AgentRefused), (1000, AgentUnreachable), (1002, AgentUnreachable), (1011, AgentUnreachable)],
)
async def test_closed_before_it_began(code: int, error: type[Exception]):
    async def closes(vendor: Vendor, ws: web.WebSocketResponse) -> None:
        await vendor.read(ws)
        await ws.close(code=code, message=b"Override for field 'language' is not allowed by config")

    async with vendor_server(closes) as vendor:
        with pytest.raises(error, match=f"closed with {code} before it began: Override for field 'language'"):
            await AgentConversation.open(url=vendor.ws_url)


async def test_a_close_without_words_uses_those_of_the_error_event():
    async def faults(vendor: Vendor, ws: web.WebSocketResponse) -> None:
        await vendor.read(ws)
        fault = {"code": 1008, "error_type": "missing_dynamic_variable", "message": "Missing: caller_number"}
        await ws.send_json({"type": "error", "error_event": fault})
        await ws.close(code=1008)

    async with vendor_server(faults) as vendor:
        with pytest.raises(AgentRefused, match="Missing: caller_number"):
            await AgentConversation.open(url=vendor.ws_url)


async def test_a_vendor_that_never_announces_its_formats_is_unreachable_and_left():
    async with vendor_server(lambda vendor, ws: vendor.read_all(ws)) as vendor:
        with pytest.raises(AgentUnreachable, match="announced no formats"):
            await AgentConversation.open(url=vendor.ws_url, metadata_timeout_s=0.1)
        while vendor.close_code is None:
            await asyncio.sleep(0.01)


async def test_a_vendor_that_never_answers_the_handshake_is_unreachable():
    async def mute(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with raw_server(mute) as url:
        with pytest.raises(AgentUnreachable, match=r"did not open in 0\.1 s"):
            await AgentConversation.open(url=url, open_timeout_s=0.1)


async def test_nobody_there_is_unreachable_and_a_wrong_address_refused():
    with pytest.raises(AgentUnreachable):
        await AgentConversation.open(url="ws://127.0.0.1:9/")
    with pytest.raises(AgentRefused) as refused:
        await AgentConversation.open(url="https://host/?sig=SECRET")
    assert "SECRET" not in str(refused.value)


async def test_an_unspeakable_format_is_an_error_and_the_socket_is_cut():
    async def announces(vendor: Vendor, ws: web.WebSocketResponse) -> None:
        await vendor.begin(ws, agent_output_audio_format="opus_48000")
        await vendor.read_all(ws)

    async with vendor_server(announces) as vendor:
        with pytest.raises(AudioFormatError, match="opus_48000"):
            await AgentConversation.open(url=vendor.ws_url)
        while vendor.close_code is None:
            await asyncio.sleep(0.01)


async def test_cancelling_the_opening_leaves_no_socket():
    async with vendor_server(lambda vendor, ws: vendor.read_all(ws)) as vendor:
        opening = asyncio.ensure_future(AgentConversation.open(url=vendor.ws_url))
        while not vendor.received:
            await asyncio.sleep(0.01)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        while vendor.close_code is None:
            await asyncio.sleep(0.01)


async def test_what_cannot_be_put_into_json_fails_before_anything_is_opened():
    async with vendor_server(_listen) as vendor:
        with pytest.raises(TypeError):
            await AgentConversation.open(url=vendor.ws_url, overrides={"agent": object()})
        assert vendor.requests == []
