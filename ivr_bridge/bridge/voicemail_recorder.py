"""A caller leaves a message in the stream: prompt, tone, recording, and how it ends."""

import asyncio
from binascii import a2b_base64
from enum import Enum
from functools import cache

from ivr_bridge.audio.formats import MULAW_SILENCE
from ivr_bridge.audio.g711 import mulaw_encode
from ivr_bridge.audio.tones import sine
from ivr_bridge.audio.voice_gauge import VoiceGauge
from ivr_bridge.bridge.call_parts import CallParts
from ivr_bridge.bridge.termination import LOST_STREAMS, Termination
from ivr_bridge.bridge.voicemails import Message, Voicemails
from ivr_bridge.flows.moves import TakeVoicemail
from ivr_bridge.speech.prompt import Prompt
from ivr_bridge.telemetry import events
from ivr_bridge.twilio.stream_events import CallerAudio

FINISH_KEY = "#"
FIRST_WORDS_S = 8.0
"""So long a caller may think before the first word."""
LEAST_VOICE_MS = 1000.0
"""Less than this in all is no message."""
TAIL_S = 0.5
"""Of the silence that ended a message, so much is kept."""
TONE_HZ, TONE_MS, TONE_DBOV = 1000, 400, -18.0
KEPT_PROMPT, UNHEARD_PROMPT = "message_kept", "message_unheard"


class Ended(Enum):
    """Why a recording is over, while the caller is still there."""

    KEY = "key"
    SILENCE = "silence"
    FULL = "full"
    DISK = "disk"


@cache
def _tone() -> Prompt:
    return Prompt("tone", "en", "", mulaw_encode(sine(TONE_HZ, TONE_MS, 8000, TONE_DBOV)))


class VoicemailRecorder:
    """One for each stream that takes a message; `take` is a task of the call.

    Whatever fails before a message is kept, Twilio's own recorder takes the caller over.

    Args:
        parts: of the stream.
        asked: what the flow wants.
        voicemails: of the process.
    """

    __slots__ = (
        "_asked",
        "_gauge",
        "_keeping",
        "_message",
        "_over",
        "_parts",
        "_said",
        "_voice_until_s",
        "_voicemails",
    )

    def __init__(self, parts: CallParts, asked: TakeVoicemail, voicemails: Voicemails) -> None:
        self._parts = parts
        self._asked = asked
        self._voicemails = voicemails
        self._gauge = VoiceGauge()
        self._message: Message | None = None
        self._keeping: asyncio.Task[bool] | None = None
        self._over: asyncio.Future[Ended] | None = None
        """While it records: to be filled with why it is over."""
        self._said = False
        self._voice_until_s = 0.0

    async def take(self) -> None:
        """From the prompt to the goodbye. Cancelling leaves all that is recorded to `stream_over`."""
        parts, language = self._parts, self._parts.journey.language
        parts.agent_side.let_go()
        self._said = parts.call.say(self._asked.prompt, language)
        if not self._said:
            self._leave_to_twilio()  # whose own voice says it
            return
        try:
            self._message = await self._voicemails.open(parts.desk.info())
        except OSError as error:
            parts.log.emit(events.VOICEMAIL_FAILED, error=f"{type(error).__name__}: {error}")
            self._leave_to_twilio()
            return
        parts.to_caller.play(_tone())
        while parts.to_caller.playing(parts.clock()):
            await parts.to_caller.played_out()
        await self._record(self._message)

    async def _record(self, message: Message) -> None:
        parts = self._parts
        self._over = asyncio.get_running_loop().create_future()
        parts.caller_taps = (*parts.caller_taps, self)
        parts.log.emit(events.VOICEMAIL_BEGUN, max_s=self._asked.max_s)
        try:
            ended = await self._over
        finally:
            parts.caller_taps = tuple(tap for tap in parts.caller_taps if tap is not self)
            self._over = None
        language = parts.journey.language
        if not self._worth_keeping:
            self._drop(ended)
            parts.call.say(UNHEARD_PROMPT, language)
            parts.call.end(Termination.FLOW_ENDED)
        elif await asyncio.shield(self._keep(message, ended)):
            parts.call.say(KEPT_PROMPT, language)
            parts.call.end(Termination.MESSAGE_RECORDED)
        else:
            self._keeping = None
            self._said = parts.call.say(self._asked.prompt, language)
            self._leave_to_twilio()

    @property
    def _worth_keeping(self) -> bool:
        return self._gauge.voice_ms >= LEAST_VOICE_MS

    def _keep(self, message: Message, ended: Ended | None) -> "asyncio.Task[bool]":
        keep_s = message.file.duration_s
        if ended is Ended.SILENCE:
            keep_s = min(keep_s, self._voice_until_s + TAIL_S)
        self._message = None
        self._keeping = self._voicemails.keep(message, keep_s, self._parts.log)
        return self._keeping

    def _drop(self, ended: Ended | None) -> None:
        message, self._message = self._message, None
        if message is not None:
            self._voicemails.drop(message)
            if ended is not None:
                self._parts.log.emit(events.VOICEMAIL_UNHEARD, ended=ended.value, voice_ms=self._gauge.voice_ms)

    def _leave_to_twilio(self) -> None:
        """Its recorder asks again, where the caller has not heard what this is about."""
        self._drop(None)
        journey = self._parts.journey
        journey.leaving, journey.said_on_leaving = self._asked, self._said
        self._parts.call.end(Termination.VOICEMAIL_LEFT)

    # What happens meanwhile

    def press(self, key: str) -> None:
        """A key: over the prompt it goes on to the tone, while it records `#` is the end."""
        over = self._over
        if over is None:
            if self._message is not None and self._keeping is None and self._parts.to_caller.interrupt() is not None:
                self._parts.to_caller.play(_tone())
        elif key == FINISH_KEY and not over.done():
            over.set_result(Ended.KEY)

    def caller_audio(self, event: CallerAudio) -> None:
        """A piece of the caller's, the moment it comes."""
        over, message = self._over, self._message
        if over is None or over.done() or message is None:
            return
        if event.gap_ms:
            self._gauge.gap(event.gap_ms)
            message.file.append(bytes([MULAW_SILENCE]) * round(event.gap_ms * 8))
        audio = a2b_base64(event.payload)
        whole = message.file.append(audio)
        if self._gauge.hear(audio):
            self._voice_until_s = message.file.duration_s
        patience_s = self._asked.silence_s if self._gauge.voice_ms else max(FIRST_WORDS_S, self._asked.silence_s)
        if not whole:
            over.set_result(Ended.DISK)
        elif message.file.duration_s >= self._asked.max_s:
            over.set_result(Ended.FULL)
        elif self._gauge.quiet_ms >= patience_s * 1000:
            over.set_result(Ended.SILENCE)

    def stream_over(self, termination: Termination) -> Termination:
        """The stream is gone: what was said so far is kept. Once.

        Returns:
            How the call then ends: a hang-up ends a message well. Without one Twilio's recorder is next, if the
            caller is still there.
        """
        message, gone = self._message, termination in LOST_STREAMS
        if message is not None and self._worth_keeping:
            self._keep(message, None)
        if self._keeping is not None:
            return Termination.MESSAGE_RECORDED if gone else termination
        self._drop(None)
        if gone:
            self._parts.journey.leaving, self._parts.journey.said_on_leaving = self._asked, False
            return Termination.VOICEMAIL_LEFT
        return termination
