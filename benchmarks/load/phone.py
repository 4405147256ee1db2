"""The phone network: a signed webhook, TwiML, the stream it names, 20 ms frames, marks echoed when they were played."""

import asyncio
import time
from binascii import a2b_base64, b2a_base64
from collections import deque
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit
from xml.etree import ElementTree

import orjson

from benchmarks.load import tagged_frames, tone_words
from benchmarks.load.http_bytes import HEAD_END, post, read_head, signed_upgrade
from benchmarks.load.script import ACCOUNT_SID, CHUNK_FRAMES, PASSTHROUGH, PUBLIC_BASE_URL, VOICE_PATH
from benchmarks.load.websocket_bytes import CLOSE, PING, PONG, TEXT, FrameReader, client_frame

if TYPE_CHECKING:
    from benchmarks.load.agent import Agent
    from benchmarks.load.scene import Scene

WORD_FRAMES = tone_words.UP_BITS + 1
CLOSE_NORMALLY = (1000).to_bytes(2, "big")
_MULAW_BYTES_PER_S = 8000
_PCM_PAYLOADS = {level: b2a_base64(frame, newline=False) for level, frame in tone_words.MULAW_FRAMES.items()}


class CallFailed(Exception):
    """The bridge did not take a call as it should; the words say where."""


class PhoneCall(asyncio.Protocol):
    """One call, and the socket of its stream."""

    def __init__(self, scene: "Scene", number: int) -> None:
        self._scene = scene
        self.number = number
        self.call_sid = f"CA{number:032x}"
        self._stream_sid = f"MZ{number:032x}"
        self._form = {
            "CallSid": self.call_sid,
            "AccountSid": ACCOUNT_SID,
            "From": f"+1555{number:07d}",
            "To": "+15550199999",
            "CallStatus": "ringing",
            "Direction": "inbound",
            "ApiVersion": "2010-04-01",
        }
        self._action_url = ""
        self.webhook_ms = 0.0
        self.first_word_ms: float | None = None
        self.lost_at: float | None = None
        """When the bridge closed the stream, if it did."""
        self.agent: Agent | None = None
        self._transport: asyncio.Transport | None = None
        self._head = b""
        self._upgraded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._frames = FrameReader()
        self._sequence = 1
        self._started_at = 0.0
        self._ended = False
        self.sent_at: list[float] = []
        self._word: list[int] = []
        self._plays_until = 0.0
        self._marks: deque[tuple[float, str]] = deque()
        self._tags = tagged_frames.TagReader()
        self._words = tone_words.WordReader(tone_words.DOWN_BITS, mulaw=True)
        self._last_counter: int | None = None
        self.heard_in_window_s = 0.0
        """PCM only: how much audio came in the window, readable or not."""
        self.heard: dict[int, float] = {}
        """The agent's frame (passthrough) or chunk (PCM) by number -> when it came."""

    async def dial(self) -> None:
        """Ring, follow the TwiML, open the stream and say `start`; then `tick` sends the voice.

        Raises:
            CallFailed: refused, or not as TwiML wants it.
        """
        asked_at = time.perf_counter()
        status, body = await self._post(PUBLIC_BASE_URL + VOICE_PATH)
        self.webhook_ms = (time.perf_counter() - asked_at) * 1000
        if status != 200:
            raise CallFailed(f"the webhook was answered with {status}")
        url, parameters = self._read_twiml(body)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(10):
                self._request = signed_upgrade(url)
                await loop.create_connection(lambda: self, "127.0.0.1", self._scene.port)
                await self._upgraded
        except (OSError, TimeoutError) as error:
            raise CallFailed(f"the stream could not be opened: {error!r}") from error
        start = {
            "event": "start",
            "sequenceNumber": "1",
            "streamSid": self._stream_sid,
            "start": {
                "accountSid": ACCOUNT_SID,
                "streamSid": self._stream_sid,
                "callSid": self.call_sid,
                "tracks": ["inbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                "customParameters": parameters,
            },
        }
        self._send(b'{"event":"connected","protocol":"Call","version":"1.0.0"}')
        self._started_at = time.perf_counter()
        self._send(orjson.dumps(start))

    async def _post(self, url: str) -> tuple[int, bytes]:
        try:
            return await post(self._scene.port, url, self._form)
        except (OSError, TimeoutError) as error:
            raise CallFailed(f"{urlsplit(url).path}: {error!r}") from error

    def _read_twiml(self, body: bytes) -> tuple[str, dict[str, str]]:
        try:
            root = ElementTree.fromstring(body)
        except ElementTree.ParseError as error:
            raise CallFailed(f"TwiML is not XML: {error}") from error
        connect = root.find("Connect")
        stream = connect.find("Stream") if connect is not None else None
        if connect is None or stream is None:
            raise CallFailed(f"TwiML without a stream: {body[:200]!r}")
        self._action_url = connect.get("action", "")
        names = {parameter.get("name", ""): parameter.get("value", "") for parameter in stream.findall("Parameter")}
        return stream.get("url", ""), names

    async def hang_up(self) -> None:
        """Say `stop`, close, and ask what follows, as the phone network does."""
        self._ended = True
        if self._transport is not None and not self._transport.is_closing():
            stop = {"accountSid": ACCOUNT_SID, "callSid": self.call_sid}
            self._send(
                orjson.dumps(
                    {
                        "event": "stop",
                        "sequenceNumber": str(self._sequence + 1),
                        "streamSid": self._stream_sid,
                        "stop": stop,
                    }
                )
            )
            self._transport.write(client_frame(CLOSE_NORMALLY, CLOSE))
            await asyncio.sleep(0)
            self._transport.close()
        if self._action_url:
            self._form["CallStatus"] = "completed"
            await self._post(self._action_url)

    def tick(self, now: float) -> None:
        """Called every 20 ms: the next frame of the caller's, and marks whose time has come."""
        if not self._started_at or self._ended:
            return
        while self._marks and self._marks[0][0] <= now:
            self._echo(self._marks.popleft()[1])
        number = len(self.sent_at)
        self._sequence += 1
        message = (
            b'{"event":"media","sequenceNumber":"%d","media":{"track":"inbound","chunk":"%d","timestamp":"%d",'
            b'"payload":"%s"},"streamSid":"%s"}'
            % (self._sequence, number + 1, number * 20 + 5, self._payload(number), self._stream_sid.encode())
        )
        self.sent_at.append(time.perf_counter())
        self._send(message)

    def _payload(self, number: int) -> bytes:
        if self._scene.script.audio_format == PASSTHROUGH:
            return tagged_frames.payload(tagged_frames.UP, self.number, number)
        place = number % WORD_FRAMES
        if place == 0:
            self._word = tone_words.levels(tone_words.up_value(self.number, number // WORD_FRAMES), tone_words.UP_BITS)
        return _PCM_PAYLOADS[self._word[place]]

    def _send(self, message: bytes) -> None:
        if self._transport is not None:
            self._transport.write(client_frame(message))

    def _echo(self, name: str) -> None:
        self._sequence += 1
        message = {
            "event": "mark",
            "sequenceNumber": str(self._sequence),
            "streamSid": self._stream_sid,
            "mark": {"name": name},
        }
        self._send(orjson.dumps(message))

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """The answer to the upgrade, then what the caller is to hear."""
        now = time.perf_counter()
        if not self._upgraded.done():
            self._head += data
            head, found, data = self._head.partition(HEAD_END)
            if not found:
                return
            status = read_head(head).words[1]
            if status != "101":
                self._upgraded.set_exception(ConnectionError(f"the upgrade was answered with {status}"))
                return
            self._upgraded.set_result(None)
        for opcode, payload in self._frames.feed(data):
            if opcode == TEXT:
                self._hear(payload, now)
            elif opcode == PING and self._transport is not None:
                self._transport.write(client_frame(payload, PONG))

    def connection_lost(self, error: Exception | None) -> None:
        """The stream is over."""
        if not self._upgraded.done():
            self._upgraded.set_exception(ConnectionError(f"closed during the upgrade: {error}"))
        if not self._ended:
            self.lost_at = time.perf_counter()
            self._ended = True

    def _hear(self, message: bytes, now: float) -> None:
        fields = orjson.loads(message)
        event = fields["event"]
        if event == "media":
            if self.first_word_ms is None:
                self.first_word_ms = (now - self._started_at) * 1000
            audio = a2b_base64(fields["media"]["payload"])
            self._plays_until = max(now, self._plays_until) + len(audio) / _MULAW_BYTES_PER_S
            self._hear_audio(audio, now)
        elif event == "mark":
            self._marks.append((self._plays_until, fields["mark"]["name"]))
        elif event == "clear":
            self._plays_until = now
            while self._marks:
                self._echo(self._marks.popleft()[1])

    def _hear_audio(self, audio: bytes, now: float) -> None:
        down = self._scene.down
        if self._scene.script.audio_format == PASSTHROUGH:
            for tag in self._tags.feed(audio):
                if tag.kind != tagged_frames.DOWN:
                    continue
                if self.agent is None or tag.call != self.agent.number:
                    down.crossed += 1
                elif tag.number in self.heard:
                    down.doubled += 1
                else:
                    self.heard[tag.number] = now
            return
        if self._scene.window.holds(now):
            self.heard_in_window_s += len(audio) / _MULAW_BYTES_PER_S
        for word in self._words.feed(audio, now):
            # The counter goes round at 512 chunks: 3.4 minutes of a call.
            self.heard[word.value] = word.came_at
            if self._last_counter is not None and self._scene.window.holds(word.came_at):
                expected = ((word.value - self._last_counter) & 511) * CHUNK_FRAMES
                down.lost += max(0, expected - word.frames)
            self._last_counter = word.value

    @property
    def corrupt(self) -> int:
        """Frames that arrived with other bytes."""
        return self._tags.corrupt
