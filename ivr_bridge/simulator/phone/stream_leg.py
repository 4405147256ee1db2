"""One Media Stream from the network's side: connected, start, 20 ms of the caller fifty times a second, stop.

Two tasks: this one speaks on absolute deadlines (the caller's audio, keys, marks that were reached), the other reads
and judges what the bridge sends. Whoever ends first ends the stream.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from ivr_bridge.simulator.phone.call_log import CallLog
from ivr_bridge.simulator.phone.caller import Caller, Ending
from ivr_bridge.simulator.phone.faults import PhoneFaults
from ivr_bridge.simulator.phone.hearing import FRAME_SAMPLES, MULAW_SILENCE
from ivr_bridge.simulator.phone.recording import RATE_HZ, Recording
from ivr_bridge.simulator.phone.stream_judge import Clear, Mark, Media, Rejected, judge
from ivr_bridge.simulator.phone.stream_socket import ABNORMAL, Closed, StreamSocket
from ivr_bridge.simulator.phone.talk_notes import TalkNotes
from ivr_bridge.simulator.phone.uplink import OutgoingMedia, Uplink

BEFORE_START_S = 0.01
"""Between `connected` and `start`: a bridge that talks into it is caught."""
HUGE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class StreamTicket:
    """Who a stream belongs to, and what `start` hands over."""

    call_sid: str
    account_sid: str
    stream_sid: str
    parameters: dict[str, str]


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """How a stream ended: by whom, the bridge's close code (None when the caller hung up), and what went wrong."""

    by: Literal["caller", "bridge", "network"]
    close_code: int | None = None
    ending: Ending | None = None
    problem: str = ""


class StreamLeg:
    """Runs one stream over an open socket: make one, `await run()` once."""

    def __init__(
        self,
        socket: StreamSocket,
        ticket: StreamTicket,
        *,
        recording: Recording,
        caller: Caller,
        faults: PhoneFaults,
        log: CallLog,
        notes: TalkNotes,
    ) -> None:
        self._socket = socket
        self._ticket = ticket
        self._recording = recording
        self._playback = recording.playback
        self._caller = caller
        self._faults = faults
        self._log = log
        self._notes = notes
        self._uplink = Uplink(faults)
        self._sequence = 0
        self._chunk = 0
        self._has_started = False
        self._is_over = False

    async def run(self) -> StreamEnd:
        """Live through the stream; the socket is closed afterwards. Cancelling hangs up: `stop`, close, then raises."""
        reader = asyncio.create_task(self._read())
        try:
            await self._introduce()
            if self._faults.no_start:
                await self._hold(reader)
                ending = None
            else:
                ending = await self._talk(reader)
            if ending:
                await self._hang_up(reader)
                return StreamEnd("caller", ending=ending)
            await asyncio.wait({reader}, timeout=self._faults.hold_s)
            return self._end_of(reader)
        except (ConnectionError, TimeoutError) as error:
            await self._socket.reset()
            return self._end_of(reader, f"31903 {error or 'the server reads nothing'}")
        except asyncio.CancelledError:
            await self._hang_up(reader)
            raise
        finally:
            self._is_over = True
            self._playback.stop(self._now())
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
            await self._socket.close()

    def _end_of(self, reader: asyncio.Task[Closed], problem: str = "31903 cut") -> StreamEnd:
        """What the reader's last words mean; `problem` when it had none."""
        has_ended = reader.done() and not reader.cancelled()
        closed = reader.result() if has_ended else Closed(ABNORMAL, problem)
        by: Literal["bridge", "network"] = "network" if closed.code == ABNORMAL else "bridge"
        return StreamEnd(by, closed.code, problem=closed.problem)

    def _now(self) -> int:
        """The phone's clock in samples."""
        return self._recording.sample(time.monotonic())

    # What is sent

    async def _send(self, event: str, **body: Any) -> None:
        """One numbered message; numbers are given in the order of sending."""
        self._sequence += 1
        message = {"event": event, "sequenceNumber": str(self._sequence), **body, "streamSid": self._ticket.stream_sid}
        await self._socket.send(json.dumps(message, separators=(",", ":")))

    async def _send_media(self, pieces: Iterable[OutgoingMedia]) -> None:
        """The caller's audio."""
        for piece in pieces:
            self._chunk += 1
            media = {
                "track": "inbound",
                "chunk": str(self._chunk),
                "timestamp": str(piece.timestamp_ms),
                "payload": base64.b64encode(piece.mulaw).decode(),
            }
            await self._send("media", media=media)

    async def _echo(self, names: list[str]) -> None:
        """Marks that were reached or cleared."""
        if not self._faults.no_mark_echo:
            for name in names:
                await self._send("mark", mark={"name": name})

    async def _introduce(self) -> None:
        """`connected`, `start`, and what the faults put around them."""
        await self._socket.send('{"event":"connected","protocol":"Call","version":"1.0.0"}')
        await asyncio.sleep(BEFORE_START_S)
        if self._faults.media_before_start:
            await self._send_media(piece for _ in range(5) for piece in self._uplink.feed(self._uplink.silence()))
        if self._faults.no_start:
            self._recording.start(time.monotonic())
            return
        ticket = self._ticket
        parameters = dict(ticket.parameters)
        if self._faults.wrong_token:
            parameters = {name: secrets.token_urlsafe(len(value)) for name, value in parameters.items()}
        start = {
            "accountSid": ticket.account_sid,
            "streamSid": ticket.stream_sid,
            "callSid": "CA" + secrets.token_hex(16) if self._faults.wrong_call_sid else ticket.call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": parameters,
        }
        self._log.custom_parameters = parameters
        self._has_started = True
        self._recording.start(time.monotonic())
        self._log.note("stream_started", ticket.stream_sid)
        for _ in range(2 if self._faults.duplicate_start else 1):
            await self._send("start", start=start)
        if self._faults.slow_reader:
            self._socket.stop_reading()
        if self._faults.garbage:
            await self._socket.send("this is not JSON {")
        if self._faults.binary:
            await self._socket.send_binary(bytes(160))
        if self._faults.huge:
            await self._socket.send(json.dumps({"event": "media", "padding": "x" * HUGE_BYTES}))

    async def _talk(self, reader: asyncio.Task[Closed]) -> Ending | None:
        """The caller's side, a frame every 20 ms until they hang up (returned) or the socket is gone (None)."""
        first = position = self._now()
        began_at = time.monotonic()
        while True:
            position += FRAME_SAMPLES
            due_at = began_at + (position - first) / RATE_HZ
            await asyncio.wait({reader}, timeout=max(0.0, due_at - time.monotonic()))
            if reader.done():
                return None
            elapsed_ms = (position - first) * 1000 / RATE_HZ
            if self._faults.reset_ms is not None and elapsed_ms >= self._faults.reset_ms:
                await self._socket.reset()
                await asyncio.wait({reader}, timeout=self._faults.hold_s)
                return None
            if self._faults.half_open_ms is not None and elapsed_ms >= self._faults.half_open_ms:
                self._is_over = True
                self._socket.play_dead()
                await self._hold(reader)
                return None
            if ending := await self._tick(position - FRAME_SAMPLES):
                return ending

    async def _tick(self, position: int) -> Ending | None:
        """The 20 ms that begin at `position` and are over now: hear, decide, record, send."""
        self._recording.hearing.listen(self._playback.heard, position + FRAME_SAMPLES)
        moment = self._caller.tick(position * 1000 / RATE_HZ, self._recording.hearing.spurts)
        self._notes.note()
        if moment.ending:
            return moment.ending
        frame = moment.frame or self._uplink.silence()
        frame = frame.ljust(FRAME_SAMPLES, MULAW_SILENCE)
        self._recording.caller_said(MULAW_SILENCE * len(frame) if self._uplink.loses_next() else frame, position)
        await self._send_media(self._uplink.feed(frame))
        for digit in moment.digits:
            self._log.note("digits", digit)
            await self._send("dtmf", dtmf={"track": "inbound_track", "digit": digit})
            self._recording.hearing.part_if_quiet(position + FRAME_SAMPLES)
        await self._echo(self._playback.due(self._now()))
        return None

    async def _hang_up(self, reader: asyncio.Task[Closed]) -> None:
        """`stop` and a proper close, as far as the faults and the socket let it; bounded by a few seconds."""
        self._is_over = True
        if reader.done():
            return
        try:
            if self._has_started:
                await self._send_media(self._uplink.flush())
                if not self._faults.no_stop:
                    stop = {"accountSid": self._ticket.account_sid, "callSid": self._ticket.call_sid}
                    await self._send("stop", stop=stop)
            if self._faults.stop_without_close:
                await self._hold(reader)
            else:
                await self._socket.close()
        except (ConnectionError, TimeoutError):
            await self._socket.reset()

    async def _hold(self, reader: asyncio.Task[Closed]) -> None:
        """Leave it to the bridge to act; after `hold_s` cut the connection."""
        await asyncio.wait({reader}, timeout=self._faults.hold_s)
        if not reader.done():
            await self._socket.reset()
            await asyncio.wait({reader}, timeout=1.0)

    # What comes

    async def _read(self) -> Closed:
        """Judge and obey what the bridge sends until the socket is gone."""
        while True:
            message = await self._socket.receive()
            if isinstance(message, Closed):
                return message
            if self._is_over:
                continue
            if isinstance(message, bytes):
                self._log.violation("31924 binary message")
                await self._socket.reset()
                return Closed(ABNORMAL, "31924 binary message")
            if not self._has_started:
                self._log.violation(f"31951 invalid message: sent before start: {message[:60]}")
                continue
            try:
                await self._obey(message)
            except (ConnectionError, TimeoutError) as error:
                return Closed(ABNORMAL, f"31903 {error or 'the server reads nothing'}")

    async def _obey(self, text: str) -> None:
        """One text message."""
        now = self._now()
        match judge(text, self._ticket.stream_sid):
            case Media(mulaw):
                if not self._playback.play(mulaw, now):
                    self._log.violation("more than ten minutes of audio are queued")
            case Mark(name):
                self._playback.mark(name, now)
                await self._echo(self._playback.due(now))
            case Clear():
                self._log.note("cleared", f"{self._playback.queued_ms(now):.0f} ms")
                if self._playback.queued_ms(now):
                    self._recording.hearing.part(now)
                await self._echo(self._playback.due(now) + self._playback.clear(now))
            case Rejected(problem):
                self._log.violation(problem)
