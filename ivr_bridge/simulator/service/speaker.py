"""Sends replies: text, audio in pieces faster than real time, and stops when the caller interrupts."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from ivr_bridge.simulator.service import messages
from ivr_bridge.simulator.service.mouth import Speech
from ivr_bridge.simulator.service.utterance import Piece, Utterance, pieces
from ivr_bridge.simulator.service.wire_audio import WireFormat

_BIG_PIECE_MS = 2000
_FLOOD_SPEED = 100.0
_LATE_PIECES = 5


@dataclass(frozen=True, slots=True)
class Cut:
    """An interrupted reply: its text, what of it was heard, its event_id."""

    original: str
    heard: str
    event_id: int


class Speaker:
    """Speaks on one conversation's socket; one reply at a time."""

    def __init__(
        self,
        send: Callable[[dict[str, Any]], Awaitable[None]],
        wire: WireFormat,
        piece_ms: int,
        speed: float,
        fault: str | None,
    ) -> None:
        """`send` sends one message; `speed` is how much faster than real time audio goes out."""
        self._send = send
        self._wire = wire
        self._piece_ms = _BIG_PIECE_MS if fault == "big_chunks" else piece_ms
        self._speed = speed
        self._fault = fault
        self._current: Utterance | None = None
        self._sending: asyncio.Task[None] | None = None
        self._left: list[Piece] = []
        self._late: asyncio.Task[None] | None = None
        self._late_id = 0
        self._pieces_sent = 0
        self._piece_sent = asyncio.Condition()

    def is_audible(self) -> bool:
        """Whether the caller hears a reply now."""
        return self._current is not None and self._current.is_audible(asyncio.get_running_loop().time())

    async def say(self, speech: Speech, event_id: int) -> None:
        """Send a reply to its end, or until `interrupt`; cancelling it stops the reply."""
        await self._send(messages.agent_response(speech.text, event_id))
        self._current = Utterance(event_id, speech)
        self._left = list(pieces(speech, self._wire, self._piece_ms, odd=self._fault == "odd_chunks"))
        self._sending = asyncio.create_task(self._send_pieces(self._current))
        try:
            await asyncio.wait({self._sending})
        except asyncio.CancelledError:
            self._sending.cancel()
            raise
        if not self._sending.cancelled():
            self._sending.result()

    async def _send_pieces(self, utterance: Utterance) -> None:
        """All pieces, paced; then the word that the reply is complete."""
        loop = asyncio.get_running_loop()
        utterance.started_at = due_at = loop.time()
        while self._left:
            piece = self._left.pop(0)
            await self._send(messages.audio(piece.audio_base_64, utterance.event_id, piece.alignment))
            async with self._piece_sent:
                self._pieces_sent += 1
                self._piece_sent.notify_all()
            due_at += piece.duration_ms / 1000 / self._speed
            await asyncio.sleep(max(due_at - loop.time(), 0))
        utterance.sent_all = True
        await self._send(messages.agent_response_complete(utterance.event_id))

    async def sent_some(self, count: int) -> None:
        """Wait until `count` pieces have been sent since the beginning."""
        async with self._piece_sent:
            await self._piece_sent.wait_for(lambda: self._pieces_sent >= count)

    def interrupt(self) -> Cut | None:
        """Stop the reply that is being heard; None when there is none."""
        now = asyncio.get_running_loop().time()
        current = self._current
        if current is None or not current.is_audible(now):
            return None
        if self._sending is not None:
            self._sending.cancel()
        self._current = None
        self._late_id = current.event_id
        return Cut(current.speech.text, current.heard_text(now), current.event_id)

    def say_rest_of_interrupted(self) -> None:
        """The fault late_audio: some audio of the interrupted reply still goes out, under its old id."""
        if self._fault == "late_audio":
            self._late = asyncio.create_task(self._send_late(self._left[:_LATE_PIECES], self._late_id))

    async def _send_late(self, late: list[Piece], event_id: int) -> None:
        """Audio after its time."""
        for piece in late:
            await self._send(messages.audio(piece.audio_base_64, event_id, piece.alignment))

    async def flood(self, event_id: int) -> None:
        """The fault flood: a tone without end, about 100 times faster than real time."""
        tone = bytes(int(self._piece_ms * self._wire.bytes_per_ms) & ~1)
        text = base64.b64encode(tone).decode()
        while True:
            await self._send(messages.audio(text, event_id, None))
            await asyncio.sleep(self._piece_ms / 1000 / _FLOOD_SPEED)

    def stop(self) -> None:
        """Send nothing more."""
        for task in (self._sending, self._late):
            if task is not None:
                task.cancel()
