"""One text on a speech socket: what it is spoken with, and its parts one after the other."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from ivr_bridge.simulator.service.account import Account
from ivr_bridge.simulator.service.mouth import Mouth
from ivr_bridge.simulator.service.refusals import Refusal
from ivr_bridge.simulator.service.speech_rest import language_of
from ivr_bridge.simulator.service.subscription import spend
from ivr_bridge.simulator.service.text_schedule import TextSchedule
from ivr_bridge.simulator.service.utterance import Piece, pieces
from ivr_bridge.simulator.service.voices import Voice
from ivr_bridge.simulator.service.wire_audio import WireFormat

_PIECE_MS = 200
_Send = Callable[[dict[str, Any]], Awaitable[None]]


class SpeechFault(Exception):
    """The socket is closed with 1008: `error` in the vendor's word; the message says why."""

    def __init__(self, error: str, text: str) -> None:
        super().__init__(text)
        self.error = error


@dataclass(frozen=True, slots=True)
class SpeechHouse:
    """What all contexts of a socket share; an empty `language` is guessed from the text."""

    account: Account
    mouth: Mouth
    voice: Voice
    wire: WireFormat
    language: str = ""


class SpeechContext:
    """Speaks the parts of one text in order, in a task of its own; `close` it."""

    def __init__(
        self,
        house: SpeechHouse,
        schedule: TextSchedule,
        name: str | None,
        send: _Send,
        *,
        after: "SpeechContext | None" = None,
    ) -> None:
        """`name` is the context's id, None on a socket for one text; `after`: one of the same id that speaks first."""
        self._house = house
        self._schedule = schedule
        self._name = name
        self._send = send
        self._after = after
        self._parts: asyncio.Queue[str] = asyncio.Queue()
        self.heard_at = asyncio.get_running_loop().time()
        self.is_ending = False
        self.task = asyncio.create_task(self._speak())

    def hear(self, text: str, *, trigger: bool = False, flush: bool = False) -> None:
        """A piece of text, which may be empty."""
        self.heard_at = asyncio.get_running_loop().time()
        part = self._schedule.add(text, trigger=trigger, flush=flush)
        if part:
            self._parts.put_nowait(part)

    def end(self, *, drop_rest: bool) -> None:
        """No more text; with `drop_rest` what was not yet to be spoken never is."""
        if self.is_ending:
            return
        self.is_ending = True
        rest = "" if drop_rest else self._schedule.rest()
        if rest:
            self._parts.put_nowait(rest)
        self._parts.put_nowait("")

    async def close(self) -> None:
        """Stop at once."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def _speak(self) -> None:
        """Every part, then the word that it was the last."""
        house = self._house
        if self._after is not None:
            await asyncio.wait({self._after.task})
            self._after = None
        while part := await self._parts.get():
            try:
                spend(house.account, len(part))
            except Refusal as refused:
                raise SpeechFault(refused.code, str(refused)) from refused
            language = house.language or language_of(part)
            speech = await asyncio.to_thread(
                house.mouth.speak, part, house.voice, language=language, rate_hz=house.wire.rate_hz
            )
            for piece in pieces(speech, house.wire, _PIECE_MS):
                await self._send(self._audio(piece))
        final: dict[str, Any] = {"isFinal": True}
        await self._send({"audio": None, **final} if self._name is None else {**final, "contextId": self._name})

    def _audio(self, piece: Piece) -> dict[str, Any]:
        """A piece in the vendor's shape; times count from the piece's start."""
        alignment = {
            "chars": piece.alignment["chars"],
            "charStartTimesMs": piece.alignment["char_start_times_ms"],
            "charDurationsMs": piece.alignment["char_durations_ms"],
        }
        message: dict[str, Any] = {
            "audio": piece.audio_base_64,
            "alignment": alignment,
            "normalizedAlignment": alignment,
        }
        return {**message, "isFinal": None} if self._name is None else {**message, "contextId": self._name}
