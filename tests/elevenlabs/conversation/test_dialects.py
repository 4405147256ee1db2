from typing import Any

from aiohttp import web

from ivr_bridge.audio.formats import AudioFormat
from ivr_bridge.elevenlabs.conversation.dialects import TODAY, legacy
from ivr_bridge.elevenlabs.conversation.events import (
    AgentAudio,
    CallerTranscribed,
    ConversationClosed,
    ConversationStarted,
    Interrupted,
)
from ivr_bridge.elevenlabs.conversation.legacy_protocol import LegacyProtocol
from ivr_bridge.elevenlabs.conversation.protocol import ConversationProtocol
from ivr_bridge.elevenlabs.conversation.socket import AgentConversation
from tests.support.vendor_server import Vendor, vendor_server

FRAME = "/////w=="


def test_each_conversation_has_a_codec_of_its_own() -> None:
    older = legacy(AudioFormat.parse("pcm_16000"))
    assert isinstance(TODAY.codec(), ConversationProtocol)
    assert isinstance(older.codec(), LegacyProtocol)
    assert older.codec() is not older.codec()


def test_where_they_are_spoken() -> None:
    assert TODAY.path == "/v1/convai/conversation"
    assert legacy(AudioFormat.parse("ulaw_8000")).path == "/v1/convai/stream"


async def test_a_conversation_on_the_older_wire():
    async def play(vendor: Vendor, ws: web.WebSocketResponse) -> None:
        for _ in range(2):
            await ws.send_json({"type": "audio", "data": FRAME})
        await vendor.read(ws)
        await ws.send_json({"type": "user_transcript", "data": "stop"})
        await ws.send_json({"type": "audio", "data": FRAME})
        for _ in range(2):
            await vendor.read(ws)
        await ws.close()

    async with vendor_server(play) as vendor:
        conversation = await AgentConversation.open(
            url=f"ws://127.0.0.1:{vendor.port}/v1/convai/stream?agent_id=a",
            headers={"xi-api-key": "K"},
            dialect=legacy(AudioFormat.parse("ulaw_8000")),
        )
        assert str(conversation.output_format) == "ulaw_8000"
        conversation.send_audio(FRAME)
        conversation.send_user_message("there is no such message")
        assert conversation.dropped_messages == 1
        events: list[Any] = []
        while not events or not isinstance(events[-1], CallerTranscribed):
            events += await conversation.receive()
        kinds = [ConversationStarted, AgentAudio, AgentAudio, Interrupted, CallerTranscribed]
        assert list(map(type, events[:5])) == kinds
        conversation.send_tool_result("legacy-1", "done")
        while not isinstance(events[-1], ConversationClosed):
            events += await conversation.receive()
        assert vendor.received == [
            {"type": "audio", "data": FRAME},
            {"type": "interruption"},
            {"type": "client_tool_result", "data": {"name": "", "result": "done", "is_error": False}},
        ]
        (_, path, headers, _) = vendor.requests[0]
        assert (path, headers["xi-api-key"]) == ("/v1/convai/stream?agent_id=a", "K")
