"""In-memory legs: a phone and an agent without sockets, on the loop's (virtual) clock."""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from typing import Any

from ivr_bridge.audio.formats import AudioFormat
from ivr_bridge.elevenlabs.conversation.events import AgentAudio, AgentEvent, ConversationClosed
from ivr_bridge.twilio.stream_events import CallerAudio, MarkReached, StreamClosed, StreamEvent, StreamStarted

ULAW = AudioFormat("ulaw", 8000)


def silence_b64(length_ms: float, byte: int = 0xFF) -> str:
    return b64encode(bytes([byte]) * round(length_ms * 8)).decode()


class FakeCaller:
    """Plays Twilio's side: what is sent is played in order, marks come back when reached, all at once on `clear`."""

    def __init__(self, call_sid: str = "CA" + "1" * 32, token: str = "t", *, echo_marks: bool = True) -> None:
        sids = "MZ" + "2" * 32, call_sid, "AC" + "3" * 32
        self.started = StreamStarted(*sids, "audio/x-mulaw", 8000, 1, {"token": token})
        self.sent: list[tuple[float, str, str]] = []
        self.closed: tuple[int, str] | None = None
        self.stalled_s = 0.0
        self._echo_marks = echo_marks
        self._inbox: asyncio.Queue[StreamEvent | Exception] = asyncio.Queue()
        self._ends_at = 0.0
        self._sink: Callable[[CallerAudio], None] | None = None
        self._marks: list[tuple[str, asyncio.TimerHandle]] = []
        self.heard: list[tuple[float, float]] = []

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def hear(self, sink: Callable[[CallerAudio], None] | None) -> None:
        self._sink = sink

    def says(self, event: StreamEvent | Exception) -> None:
        if self._sink is not None and isinstance(event, CallerAudio):
            self._sink(event)
        else:
            self._inbox.put_nowait(event)

    def speaks(self, length_ms: int, byte: int = 0x10) -> None:
        for _ in range(length_ms // 20):
            self.says(CallerAudio(silence_b64(20, byte), 0, 0.0))

    async def keeps_sending(self, byte: int = 0xFF) -> None:
        """20 ms frames for ever: run it as a task."""
        while True:
            self.says(CallerAudio(silence_b64(20, byte), 0, 0.0))
            await asyncio.sleep(0.02)

    async def receive(self) -> Sequence[StreamEvent]:
        event = await self._inbox.get()
        if isinstance(event, Exception):
            raise event
        return [event]

    def send_media(self, payload: str) -> None:
        length_s = len(b64decode(payload)) / 8000
        start = max(self.now, self._ends_at)
        self._ends_at = start + length_s
        self.heard.append((start, self._ends_at))
        self.sent.append((self.now, "media", payload))

    def send_mark(self, name: str) -> None:
        self.sent.append((self.now, "mark", name))
        if self._echo_marks:
            timer = asyncio.get_running_loop().call_at(max(self.now, self._ends_at), self._reached, name)
            self._marks.append((name, timer))

    def send_clear(self) -> None:
        self.sent.append((self.now, "clear", ""))
        self._ends_at = self.now
        self.heard = [(start, min(end, self.now)) for start, end in self.heard if start < self.now]
        for name, timer in self._marks:
            if not timer.cancelled() and timer.when() > self.now:
                timer.cancel()
                self.says(MarkReached(name))
        self._marks.clear()

    def _reached(self, name: str) -> None:
        self._marks = [entry for entry in self._marks if entry[0] != name]
        self.says(MarkReached(name))

    @property
    def full(self) -> bool:
        return self.stalled_s > 0

    def write_stalled_s(self, now: float) -> float:
        return self.stalled_s

    async def close(self, code: int = 1000, reason: str = "") -> None:
        if self.closed is None:
            self.closed = (code, reason)
            self.heard = [(start, min(end, self.now)) for start, end in self.heard if start < self.now]
            for _, timer in self._marks:
                timer.cancel()
            self.says(StreamClosed(code))

    def kinds(self) -> list[str]:
        return [kind for _, kind, _ in self.sent]

    def heard_ms(self) -> float:
        return sum(end - start for start, end in self.heard) * 1000


class FakeAgent:
    """Plays the agent's leg: `says` puts an event in; everything sent to it is kept."""

    def __init__(self, output: AudioFormat = ULAW, input_: AudioFormat = ULAW) -> None:
        self.conversation_id = "conv_1"
        self.output_format = output
        self.input_format = input_
        self.stale_audio = 0
        self.audio: list[str] = []
        self.sent: list[tuple[str, Any]] = []
        self.closed = False
        self.slow = False
        self.quiet_for_s = 0.0
        self._inbox: asyncio.Queue[AgentEvent | Exception] = asyncio.Queue()
        self._sink: Callable[[AgentEvent], None] | None = None

    def hear(self, sink: Callable[[AgentEvent], None] | None) -> None:
        while sink is not None and not self._inbox.empty():
            event = self._inbox.get_nowait()
            assert not isinstance(event, Exception)
            if isinstance(event, ConversationClosed):
                self._inbox.put_nowait(event)
                break
            sink(event)
        self._sink = sink

    def says(self, *events: AgentEvent) -> None:
        for event in events:
            if self._sink is None or isinstance(event, ConversationClosed):
                self._inbox.put_nowait(event)
                continue
            try:
                self._sink(event)
            except Exception as error:
                self._inbox.put_nowait(error)

    def speaks(self, length_ms: float, event_id: int = 1, piece_ms: float = 200) -> None:
        while length_ms > 0:
            self.says(AgentAudio(silence_b64(min(piece_ms, length_ms), 0x20), event_id, None))
            length_ms -= piece_ms

    async def receive(self) -> Sequence[AgentEvent]:
        event = await self._inbox.get()
        if isinstance(event, Exception):
            raise event
        return [event]

    def quiet_s(self, now: float) -> float:
        return self.quiet_for_s

    def send_audio(self, payload: str) -> bool:
        if not self.slow:
            self.audio.append(payload)
        return not self.slow

    def send_tool_result(self, tool_call_id: str, result: Any, is_error: bool) -> None:
        self.sent.append(("tool_result", (tool_call_id, result, is_error)))

    def send_contextual_update(self, text: str, context_id: str | None = None) -> None:
        self.sent.append(("contextual_update", text))

    def send_user_message(self, text: str) -> None:
        self.sent.append(("user_message", text))

    def send_user_activity(self) -> None:
        self.sent.append(("user_activity", None))

    async def close(self, reason: str = "") -> None:
        self.closed = True
        self.says(ConversationClosed(1000, reason))
