"""`ElevenLabsConversation` against the sandbox, with interfaces made for the vendor's own library, in both dialects."""

import asyncio
import audioop
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ivr_bridge.audio.formats import AudioFormat
from ivr_bridge.elevenlabs.conversation.client import ElevenLabsConversation
from ivr_bridge.elevenlabs.conversation.dialects import TODAY, Dialect, legacy
from ivr_bridge.elevenlabs.conversation.dialling import AgentAuth
from ivr_bridge.elevenlabs.rest.client import ElevenLabsAPIClient
from ivr_bridge.simulator.phone.voices import speak
from tests.calls.house import sandbox, sandbox_log

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the SDK imports what websockets has renamed
    from elevenlabs.conversational_ai.conversation import AsyncAudioInterface, AudioInterface

pytestmark = [pytest.mark.timeout(120), pytest.mark.realtime]

KEY = "sk_conversation_0123456789"
RATE_HZ = 16000
PIECE_MS = 250


class Room:
    """What was played, and a voice that speaks in its own time, as a microphone does, from the loop's side."""

    def __init__(self) -> None:
        self.played = bytearray()
        self.interruptions = 0
        self._ends_at = 0.0
        self.stopped = False
        self.hear: Callable[[bytes], Any] = lambda _: None
        self._task: asyncio.Task[None] | None = None
        self._words: asyncio.Queue[bytes] = asyncio.Queue()

    def begin(self, hear: Callable[[bytes], Any]) -> None:
        self.hear = hear
        self._task = asyncio.get_running_loop().create_task(self._listen())

    def end(self) -> None:
        self.stopped = True
        if self._task is not None:
            self._task.cancel()

    def play(self, audio: bytes) -> None:
        self.played += audio
        self._ends_at = max(asyncio.get_running_loop().time(), self._ends_at) + len(audio) / 2 / RATE_HZ

    def interrupt(self) -> None:
        self.interruptions += 1
        self._ends_at = 0.0

    async def heard_out(self) -> None:
        """Wait until something is played, and then for its end."""
        now = asyncio.get_running_loop().time
        while self._ends_at < now():
            await asyncio.sleep(0.02)
        while self._ends_at > now():
            await asyncio.sleep(0.1)

    def say(self, text: str) -> None:
        self._words.put_nowait(audioop.ratecv(speak(text), 2, 1, 8000, RATE_HZ, None)[0])

    async def _listen(self) -> None:
        loop, n_bytes = asyncio.get_running_loop(), RATE_HZ * 2 * PIECE_MS // 1000
        due_at, spoken = loop.time(), b""
        while True:
            while not self._words.empty():
                spoken += self._words.get_nowait()
            piece, spoken = spoken[:n_bytes], spoken[n_bytes:]
            heard = self.hear(piece.ljust(n_bytes, b"\0"))
            if isinstance(heard, Awaitable):
                await heard
            due_at += PIECE_MS / 1000
            await asyncio.sleep(max(due_at - loop.time(), 0))


class Theirs(AudioInterface):
    """As one for the vendor's `Conversation` is written."""

    def __init__(self, room: Room) -> None:
        self.room = room

    def start(self, input_callback: Callable[[bytes], None]) -> None:
        self.room.begin(input_callback)

    def stop(self) -> None:
        self.room.end()

    def output(self, audio: bytes) -> None:
        self.room.play(audio)

    def interrupt(self) -> None:
        self.room.interrupt()


class TheirsAsync(AsyncAudioInterface):
    """As one for the vendor's `AsyncConversation` is written: it may await its callback."""

    def __init__(self, room: Room) -> None:
        self.room = room

    async def start(self, input_callback: Callable[[bytes], Awaitable[None]]) -> None:
        self.room.begin(input_callback)

    async def stop(self) -> None:
        self.room.end()

    async def output(self, audio: bytes) -> None:
        self.room.play(audio)

    async def interrupt(self) -> None:
        self.room.interrupt()


OLD = legacy(AudioFormat.parse("ulaw_8000"))


async def test_conversations_of_the_library():
    """Side by side, for each takes its time."""
    kinds = ((Theirs, "signed_url", TODAY), (TheirsAsync, "header", TODAY), (Theirs, "header", OLD))
    await asyncio.gather(*(converse(*kind) for kind in kinds))


async def converse(interface: Any, auth: AgentAuth, dialect: Dialect) -> None:
    room, said, understood, called = Room(), asyncio.Queue[str](), asyncio.Queue[str](), []

    def use_tool(name: str, parameters: dict[str, Any]) -> dict[str, str]:
        called.append((name, parameters))
        return {"caller": "+15550100001"}

    async with sandbox(key=KEY) as url, ElevenLabsAPIClient(url, KEY) as client:
        conversation = ElevenLabsConversation(
            agent_id="agent_sandbox_desk",
            audio_interface=interface(room),
            on_tool_use=use_tool,
            on_agent_response=said.put_nowait,
            on_user_transcript=understood.put_nowait,
            client=client,
            auth=auth,
            dialect=dialect,
        )
        await conversation.start_session()
        assert (await said.get()).startswith("Welcome to the Harbour Kitchen")
        await room.heard_out()
        room.say("is there parking")
        assert await understood.get() == "is there parking"
        assert await said.get() == "Yes, there is free parking behind the house."
        await room.heard_out()
        room.say("what are your opening hours")
        assert (await said.get()).startswith("We are open")
        await asyncio.sleep(1.5)  # it speaks for longer, and is not heard out
        room.say("what is my number")
        assert (await understood.get(), await understood.get())[1] == "what is my number"
        assert "+15550100001" in await said.get()
        await room.heard_out()
        room.say("no thank you goodbye")
        assert await said.get() == "Thank you for calling. Goodbye."
        closed = await conversation.wait_for_session_end()
        (log,) = await sandbox_log(url)
    assert (closed.close_code, closed.reason) == (1000, "end_call")
    assert called == [("get_call_info", {})]
    assert log["tool_results"][0]["is_error"] is False
    assert room.interruptions == 1
    assert room.stopped
    assert audioop.rms(bytes(room.played), 2) > 500, "speech, not noise of a wrong format"
    assert len(room.played) > 8 * RATE_HZ * 2, "seconds of it"
