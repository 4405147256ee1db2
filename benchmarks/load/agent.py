"""The agent's vendor: REST for agent, signed URL and speech, and the conversation's WebSocket, on one port."""

import asyncio
import json
import time
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import orjson

from benchmarks.load import tagged_frames, tone_words
from benchmarks.load.http_bytes import HEAD_END, Head, answer, read_head
from benchmarks.load.script import (
    AGENT_ID,
    CHUNK_FRAMES,
    FIRST_MESSAGE,
    FIRST_TURN_S,
    FRAME_S,
    GREETING_CHUNKS,
    PASSTHROUGH,
    PING_EVERY_S,
    QUIET_S,
    TALK_S,
)
from benchmarks.load.websocket_bytes import CLOSE, PING, PONG, TEXT, FrameReader, accept_key, server_frame

if TYPE_CHECKING:
    from benchmarks.load.scene import Scene

CHUNK_S = CHUNK_FRAMES * FRAME_S
_PCM_BYTES_PER_S = 32000
WORDS_SPOKEN = "The desk is open from eight in the morning until ten at night, every day of the week."


class Agent:
    """One conversation: what it says and when, and what it hears."""

    def __init__(self, scene: "Scene", write: Callable[[bytes], None], number: int) -> None:
        self._scene = scene
        self._write = write
        self.number = number
        self.call: int | None = None
        """Whose voice it hears; known from the first frame that says so."""
        self.chunk_sent_at: list[float] = []
        self._begun_at = 0.0
        self._next_chunk_at = 0.0
        self._next_ping_at = 0.0
        self._talk_ends_at = 0.0
        self._turn = 1
        self._talking = False
        self._tags = tagged_frames.TagReader()
        self._words = tone_words.WordReader(tone_words.UP_BITS, mulaw=False)
        self._last_counter: int | None = None
        self.heard_in_window_s = 0.0
        """PCM only: how much audio came in the window, readable or not."""
        self.heard: dict[int, float] = {}
        """Caller's frame (passthrough) or word (PCM) by number -> when it came."""

    def begin(self, now: float) -> None:
        """The bridge has sent its initiation: announce the formats and say the first words."""
        audio_format = self._scene.script.audio_format
        self._say(
            "conversation_initiation_metadata",
            "conversation_initiation_metadata_event",
            conversation_id=f"conv_{self.number}",
            agent_output_audio_format=audio_format,
            user_input_audio_format=audio_format,
        )
        self._say("ping", "ping_event", event_id=1, ping_ms=None)
        self._say("agent_response", "agent_response_event", agent_response=FIRST_MESSAGE, event_id=1)
        for _ in range(GREETING_CHUNKS):
            self._say_audio(self._scene.greeting_chunk)
        self._begun_at = now
        self._next_chunk_at = now + FIRST_TURN_S
        self._next_ping_at = now + PING_EVERY_S

    def end(self) -> None:
        """Nothing more is said."""
        self._begun_at = 0.0

    def tick(self, now: float) -> None:
        """Called every 20 ms: a chunk, a ping or a new turn when it is time."""
        if not self._begun_at:
            return
        if now >= self._next_ping_at:
            self._next_ping_at += PING_EVERY_S
            self._say("ping", "ping_event", event_id=self._turn, ping_ms=20)
        if now < self._next_chunk_at:
            return
        if not self._talking:
            self._talking = True
            self._talk_ends_at = self._next_chunk_at + TALK_S
            self._turn += 1
            self._say(
                "user_transcript", "user_transcription_event", user_transcript="When are you open?", event_id=self._turn
            )
            self._say("agent_response", "agent_response_event", agent_response=WORDS_SPOKEN, event_id=self._turn)
        self._say_chunk()
        self._next_chunk_at += CHUNK_S
        if self._next_chunk_at >= self._talk_ends_at - CHUNK_S / 2:
            self._talking = False
            self._next_chunk_at = self._talk_ends_at + QUIET_S

    def _say_chunk(self) -> None:
        chunk = len(self.chunk_sent_at)
        if self._scene.script.audio_format == PASSTHROUGH:
            first = chunk * CHUNK_FRAMES
            frames = (tagged_frames.frame(tagged_frames.DOWN, self.number, first + i) for i in range(CHUNK_FRAMES))
            audio = b2a_base64(b"".join(frames), newline=False)
        else:
            audio = self._scene.word_chunk(chunk)
        self.chunk_sent_at.append(time.perf_counter())
        self._say_audio(audio)

    def _say_audio(self, payload: bytes) -> None:
        self._write(
            server_frame(b'{"audio_event":{"audio_base_64":"%s","event_id":%d},"type":"audio"}' % (payload, self._turn))
        )

    def _say(self, kind: str, inner: str, **fields: object) -> None:
        self._write(server_frame(orjson.dumps({"type": kind, inner: fields})))

    def hear(self, message: bytes, now: float) -> None:
        """One message of the bridge's."""
        fields = orjson.loads(message)
        chunk = fields.get("user_audio_chunk")
        if chunk is None:
            if fields.get("type") == "conversation_initiation_client_data":
                self.begin(now)
            return
        audio = a2b_base64(chunk)
        if self._scene.script.audio_format == PASSTHROUGH:
            for tag in self._tags.feed(audio):
                self._pair(tag.call)
                if tag.kind != tagged_frames.UP or tag.call != self.call:
                    self._scene.up.crossed += 1
                elif tag.number in self.heard:
                    self._scene.up.doubled += 1
                else:
                    self.heard[tag.number] = now
        else:
            if self._scene.window.holds(now):
                self.heard_in_window_s += len(audio) / _PCM_BYTES_PER_S
            for word in self._words.feed(audio, now):
                self._hear_word(word)

    def _hear_word(self, word: tone_words.Word) -> None:
        call, counter = word.value >> (tone_words.UP_BITS - tone_words.CALL_BITS), word.value & 1023
        self._pair(call)
        if call != self.call:
            self._scene.up.crossed += 1
            return
        self.heard[counter] = word.came_at
        if self._last_counter is not None and self._scene.window.holds(word.came_at):
            expected = ((counter - self._last_counter) & 1023) * (tone_words.UP_BITS + 1)
            self._scene.up.lost += max(0, expected - word.frames)
        self._last_counter = counter

    def _pair(self, call: int) -> None:
        if self.call is None:
            self.call = call
            self._scene.pair(call, self)

    @property
    def corrupt(self) -> int:
        """Frames that arrived with other bytes."""
        return self._tags.corrupt


class AgentConnection(asyncio.Protocol):
    """One connection to the vendor's port: HTTP until it is upgraded, then a conversation."""

    def __init__(self, scene: "Scene") -> None:
        self._scene = scene
        self._data = b""
        self._agent: Agent | None = None
        self._frames = FrameReader()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody has connected."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """A request, or messages."""
        now = time.perf_counter()
        if self._agent is None:
            self._data += data
            self._answer_requests()
            return
        for opcode, payload in self._frames.feed(data):
            if opcode == TEXT:
                self._agent.hear(payload, now)
            elif opcode == PING:
                self._transport.write(server_frame(payload, PONG))
            elif opcode == CLOSE:
                self._transport.write(server_frame(payload, CLOSE))
                self._transport.close()

    def connection_lost(self, _error: Exception | None) -> None:
        """The bridge is gone."""
        if self._agent is not None:
            self._scene.forget(self._agent)

    def _answer_requests(self) -> None:
        while HEAD_END in self._data and self._agent is None:
            head_text, _, rest = self._data.partition(HEAD_END)
            head = read_head(head_text)
            if len(rest) < head.body_bytes:
                return
            self._data = rest[head.body_bytes :]
            self._transport.write(self._answer(head))

    def _answer(self, head: Head) -> bytes:
        path = head.words[1].partition("?")[0]
        if path == "/v1/convai/conversation" and "upgrade" in head.headers:
            self._agent = self._scene.open_agent(self._transport.write)
            accept = accept_key(head.headers["sec-websocket-key"])
            return (
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Accept: {accept}\r\n\r\n"
            ).encode()
        if path == "/v1/convai/conversation/get-signed-url":
            url = f"ws://{head.headers['host']}/v1/convai/conversation?agent_id={AGENT_ID}&conversation_signature=s"
            return answer("200 OK", "application/json", json.dumps({"signed_url": url}).encode())
        if path.startswith("/v1/convai/agents/"):
            return answer("200 OK", "application/json", json.dumps(_agent_fields(self._scene)).encode())
        if path.startswith("/v1/text-to-speech/"):
            return answer("200 OK", "audio/pcm", tone_words.PCM_FRAMES[tone_words.LOUD] * 30)
        return answer("404 Not Found", "application/json", b'{"detail":{"status":"not_found","message":"not here"}}')


def _agent_fields(scene: "Scene") -> dict[str, object]:
    audio_format = scene.script.audio_format
    return {
        "agent_id": AGENT_ID,
        "name": "benchmark",
        "conversation_config": {
            "agent": {"first_message": FIRST_MESSAGE, "language": "en"},
            "tts": {
                "voice_id": "voice",
                "model_id": "eleven_flash_v2_5",
                "agent_output_audio_format": audio_format,
            },
            "asr": {"user_input_audio_format": audio_format},
            "conversation": {"client_events": ["audio", "interruption", "user_transcript", "agent_response", "ping"]},
        },
        "platform_settings": {},
    }
