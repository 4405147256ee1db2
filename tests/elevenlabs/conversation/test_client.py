import asyncio
import base64
import threading
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from ivr_bridge.elevenlabs.conversation.audio_interface import InputCallback
from ivr_bridge.elevenlabs.conversation.client import ElevenLabsConversation
from ivr_bridge.elevenlabs.rest.client import ElevenLabsAPIClient
from ivr_bridge.errors import AgentUnreachable, LocalProtocolError, ToolError
from tests.support.vendor_server import Vendor, vendor_server

SILENCE = base64.b64encode(b"\xff" * 160).decode()


class Microphone:
    """Speaks and hears `pcm_16000`, as interfaces of the vendor's SDK do."""

    def __init__(self) -> None:
        self.played: list[bytes] = []
        self.calls: list[str] = []
        self.hear: InputCallback = lambda _: None

    def start(self, input_callback: InputCallback) -> None:
        self.calls.append("start")
        self.hear = input_callback

    def stop(self) -> None:
        self.calls.append("stop")

    def output(self, audio: bytes) -> None:
        self.played.append(audio)

    def interrupt(self) -> None:
        self.calls.append("interrupt")


class AsyncMicrophone(Microphone):
    async def start(self, input_callback: InputCallback) -> None:
        super().start(input_callback)

    async def stop(self) -> None:
        super().stop()

    async def output(self, audio: bytes) -> None:
        super().output(audio)

    async def interrupt(self) -> None:
        super().interrupt()


def audio(event_id: int) -> dict[str, Any]:
    return {"type": "audio", "audio_event": {"audio_base_64": SILENCE, "event_id": event_id}}


def tool_call(name: str) -> dict[str, Any]:
    call = {"tool_name": name, "tool_call_id": f"id_{name}", "parameters": {"n": 2}, "event_id": 3}
    return {"type": "client_tool_call", "client_tool_call": call}


async def talk(vendor: Vendor, ws: web.WebSocketResponse) -> None:
    await vendor.begin(ws)
    await ws.send_json({"type": "agent_response", "agent_response_event": {"agent_response": "Hello.", "event_id": 1}})
    await ws.send_json(audio(1))
    await vendor.read(ws)
    heard = {"user_transcript": "hi", "event_id": 2}
    await ws.send_json({"type": "user_transcript", "user_transcription_event": heard})
    await ws.send_json({"type": "interruption", "interruption_event": {"event_id": 2}})
    for name in ("double", "refuse", "break"):
        await ws.send_json(tool_call(name))
    while len(results(vendor)) < 3:
        await vendor.read(ws)
    await ws.close(code=1000, message=b"done")


def use_tool(name: str, parameters: dict[str, Any]) -> object:
    if name == "refuse":
        raise ToolError("We are closed.")
    if name == "break":
        raise ValueError("+15550100001 in the database")
    return {"doubled": parameters["n"] * 2}


async def use_tool_later(name: str, parameters: dict[str, Any]) -> object:
    await asyncio.sleep(0)
    return use_tool(name, parameters)


def results(vendor: Vendor) -> dict[str, tuple[str, bool]]:
    found = [message for message in vendor.received if message.get("type") == "client_tool_result"]
    return {message["tool_call_id"]: (message["result"], message["is_error"]) for message in found}


@pytest.mark.parametrize(("kind", "tool"), [(Microphone, use_tool), (AsyncMicrophone, use_tool_later)])
async def test_a_whole_conversation(kind: type[Microphone], tool: Any):
    microphone, said = kind(), []
    with capture_logs() as logs:
        async with vendor_server(talk) as vendor, ElevenLabsAPIClient(vendor.http_url) as client:
            conversation = ElevenLabsConversation(
                agent_id="agent_1",
                audio_interface=microphone,
                on_tool_use=tool,
                on_agent_response=lambda text: said.append(("agent", text)),
                on_user_transcript=lambda text: said.append(("user", text)),
                client=client,
                auth="public",
            )
            assert conversation.conversation_id == ""
            await conversation.start_session()
            assert conversation.conversation_id == "conv_1"
            # A sound card calls from its own thread, in pieces that are no frames.
            sound = threading.Thread(target=lambda: [microphone.hear(b"\0" * 500) for _ in range(4)])
            sound.start()
            sound.join()
            closed = await asyncio.wait_for(conversation.wait_for_session_end(), 10)
            await conversation.end_session()
    assert (closed.close_code, closed.reason) == (1000, "done")
    assert microphone.calls == ["start", "interrupt", "stop"]
    assert [len(piece) for piece in microphone.played] == [640]
    assert said == [("agent", "Hello."), ("user", "hi")]
    heard = [message["user_audio_chunk"] for message in vendor.received if "user_audio_chunk" in message]
    assert sum(len(base64.b64decode(chunk)) for chunk in heard) == 3 * 160
    assert results(vendor) == {
        "id_double": ('{"doubled":4}', False),
        "id_refuse": ("We are closed.", True),
        "id_break": ("The tool failed.", True),
    }
    (failed,) = [line for line in logs if line["event"] == "session.callback_failed"]
    assert (failed["callback"], failed["error"]) == ("on_tool_use", "ValueError")
    assert "5550100001" not in str(logs)


async def test_ending_it_stops_everything():
    async def listen(vendor: Vendor, ws: web.WebSocketResponse) -> None:
        await vendor.begin(ws)
        await ws.send_json(tool_call("slow"))
        await vendor.read_all(ws)

    begun, microphone = asyncio.Event(), Microphone()

    async def slow(_name: str, _parameters: dict[str, Any]) -> None:
        begun.set()
        await asyncio.sleep(60)

    async with vendor_server(listen) as vendor, ElevenLabsAPIClient(vendor.http_url) as client:
        conversation = ElevenLabsConversation("agent_1", microphone, slow, client=client, auth="public")
        await conversation.start_session()
        conversation.send_user_message("good bye")
        conversation.send_contextual_update("they leave", "mood")
        conversation.send_user_activity()
        await begun.wait()
        await conversation.end_session()
        await conversation.end_session()
        assert (await conversation.wait_for_session_end()).close_code == 1000
    assert microphone.calls == ["start", "stop"]
    assert vendor.close_code == 1000
    assert [message["type"] for message in vendor.received[1:]] == [
        "user_message",
        "contextual_update",
        "user_activity",
    ]
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


async def test_without_tools_and_without_ears_the_agent_still_gets_an_answer():
    async def asks(vendor: Vendor, ws: web.WebSocketResponse) -> None:
        await vendor.begin(ws)
        await ws.send_json(audio(1))
        await ws.send_json(tool_call("x"))
        await vendor.read(ws)
        await ws.close(code=1011)

    async with vendor_server(asks) as vendor, ElevenLabsAPIClient(vendor.http_url) as client:
        conversation = ElevenLabsConversation("agent_1", client=client, auth="public")
        await conversation.start_session()
        assert (await conversation.wait_for_session_end()).close_code == 1011
    assert results(vendor) == {"id_x": ("This tool is not available.", True)}


async def test_it_is_started_once_and_not_used_before():
    conversation = ElevenLabsConversation("agent_1", client=ElevenLabsAPIClient("http://127.0.0.1:9"), auth="public")
    with pytest.raises(LocalProtocolError):
        conversation.send_user_message("x")
    with pytest.raises(LocalProtocolError):
        await conversation.wait_for_session_end()
    await conversation.end_session()
    with pytest.raises(AgentUnreachable):
        await conversation.start_session()
    with pytest.raises(LocalProtocolError):
        await conversation.start_session()


async def test_an_interface_that_cannot_start_leaves_nothing_open():
    class Broken(Microphone):
        def start(self, input_callback: InputCallback) -> None:
            raise OSError("no sound card")

    async def listen(vendor: Vendor, ws: web.WebSocketResponse) -> None:
        await vendor.begin(ws)
        await vendor.read_all(ws)

    async with vendor_server(listen) as vendor, ElevenLabsAPIClient(vendor.http_url) as client:
        with pytest.raises(OSError, match="no sound card"):
            await ElevenLabsConversation("agent_1", Broken(), client=client, auth="public").start_session()
    assert vendor.close_code == 1000


async def test_the_environment_says_host_and_key(monkeypatch: pytest.MonkeyPatch):
    async def listen(vendor: Vendor, ws: web.WebSocketResponse) -> None:
        await vendor.begin(ws)
        await vendor.read_all(ws)

    async with vendor_server(listen) as vendor:
        monkeypatch.setenv("ELEVENLABS_BASE_URL", vendor.http_url)
        monkeypatch.setenv("ELEVENLABS_API_KEY", "K1, K2")
        conversation = ElevenLabsConversation("agent_1", auth="header")
        await conversation.start_session()
        await conversation.end_session()
        (_, path, headers, _) = vendor.requests[0]
    assert (path, headers["xi-api-key"]) == ("/v1/convai/conversation?agent_id=agent_1", "K1")


def test_a_key_for_the_vendor_needs_no_agent_of_the_server(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ELEVENLABS_API_KEY", "K1")
    monkeypatch.setenv("PORT", "none of ours")
    monkeypatch.delenv("ELEVENLABS_BASE_URL", raising=False)
    ElevenLabsConversation("agent_1")
