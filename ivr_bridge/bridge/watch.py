"""What is looked at a few times a second, so that no frame needs a timer: clocks, prompts, waits, stalls."""

import asyncio
from functools import cache

from ivr_bridge.audio.hold_music import hold_music
from ivr_bridge.bridge.agent_seat import Failed
from ivr_bridge.bridge.call_parts import CallParts
from ivr_bridge.bridge.deadlines import WRITE_STALLED_S, Deadline
from ivr_bridge.bridge.fallback import Cause
from ivr_bridge.bridge.filler import Fill
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.speech.prompt import Prompt
from ivr_bridge.telemetry import events

TICK_S = 0.2
STEADY_FEED_S = 5.0
"""The agent ends a conversation that hears nothing for 60 s; long before that it gets a sign of life."""
DEAD_AFTER_S = 6.0
"""The vendor sends a ping every few seconds: an agent that owes an answer and sends none is half-open."""
WAIT_PROMPT, ASK_PROMPT, ASK_AGAIN_PROMPT = "connecting", "are_you_there", "no_input"


@cache
def _music() -> Prompt:
    """One for all calls: its text form alone is 85 KB."""
    return Prompt("hold_music", "en", "", hold_music())


class Watch:
    """One for each stream; `keep` is its task."""

    __slots__ = ("_fed_at", "_fed_frames", "_parts")

    def __init__(self, parts: CallParts) -> None:
        self._parts = parts
        self._fed_at = parts.clock()
        self._fed_frames = 0

    async def keep(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(TICK_S)
            self._look(self._parts.clock())

    def _look(self, now: float) -> None:
        parts = self._parts
        parts.to_caller.tick(now)
        if parts.leg.write_stalled_s(now) >= WRITE_STALLED_S:
            parts.call.end(Termination.STREAM_STALLED)
        if parts.call.ending:
            return
        speaking = parts.to_caller.speaking(now)
        if parts.voicemail is not None:
            parts.deadlines.caller_heard(now)  # who records knows what silence means
        elif parts.taping is not None:
            parts.taping.tick(now, speaking=speaking)
        parts.stage.tick(now, speaking=speaking)
        parts.caller_side.tick(now)
        if parts.controls.hang_up_due(now, playing=speaking):
            parts.controls.leave()
        deadline = parts.deadlines.due(now, playing=speaking)
        if deadline is not None and not parts.call.ending:
            self._on_deadline(deadline)
        if not parts.call.ending:
            self._fill(now)
        self._keep_fed(now)

    def _on_deadline(self, deadline: Deadline) -> None:
        parts = self._parts
        language = parts.journey.language
        match deadline:
            case Deadline.ASK_CALLER:
                parts.log.emit(events.CALLER_ASKED, silent_s=parts.deadlines.silent_s(parts.clock()))
                parts.call.say(ASK_PROMPT, language)
            case Deadline.ASK_AGAIN if parts.agent_side.quiet_s() >= DEAD_AFTER_S:
                parts.agent_side.failed(Failed(Cause.LOST, "not even a ping for long", seated=True))
            case Deadline.ASK_AGAIN:
                parts.call.say(ASK_AGAIN_PROMPT, language)
            case Deadline.NO_MEDIA:
                parts.call.end(Termination.STREAM_SILENT, at_once=True)
            case Deadline.CALL_TOO_LONG:
                parts.call.end(Termination.CALL_TOO_LONG, at_once=True)
            case Deadline.CALLER_SILENT:
                parts.call.end(Termination.CALLER_SILENT)
            case Deadline.AGENT_SILENT:
                parts.agent_side.failed(Failed(Cause.SILENT, "no audio after the caller's words", seated=True))

    def _fill(self, now: float) -> None:
        parts = self._parts
        if parts.filler.give_up(now):
            parts.to_caller.stop_filler()
        fill = parts.filler.due(now, playing=parts.to_caller.playing(now))
        if fill is None:
            return
        language = parts.journey.language
        prompt = parts.desk.prompt(WAIT_PROMPT, language) if fill is Fill.WORDS else None
        parts.to_caller.stop_filler()
        parts.to_caller.play_filler(prompt or _music())
        after_ms = (now - parts.filler.since) * 1000
        parts.log.emit(events.FILLER_PLAYED, why=f"{parts.filler.why}: {fill.value}", after_ms=after_ms)

    def _keep_fed(self, now: float) -> None:
        parts = self._parts
        if parts.account.frames_in != self._fed_frames:
            self._fed_frames, self._fed_at = parts.account.frames_in, now
        elif now - self._fed_at >= STEADY_FEED_S:
            parts.agent_side.send_activity()
            self._fed_at = now
