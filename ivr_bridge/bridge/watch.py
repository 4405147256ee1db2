"""What is looked at a few times a second, so that no frame needs a timer: clocks, prompts, waits, stalls."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from ivr_bridge.audio.hold_music import hold_music
from ivr_bridge.bridge.account import CallAccount
from ivr_bridge.bridge.agent_seat import Failed
from ivr_bridge.bridge.agent_side import AgentSide
from ivr_bridge.bridge.agent_to_caller import AgentToCaller
from ivr_bridge.bridge.call_controls import CallControls
from ivr_bridge.bridge.caller_side import CallerSide
from ivr_bridge.bridge.deadlines import WRITE_STALLED_S, Deadline, Deadlines
from ivr_bridge.bridge.fallback import Cause
from ivr_bridge.bridge.filler import Fill, Filler
from ivr_bridge.bridge.flow_stage import FlowStage
from ivr_bridge.bridge.journey import Journey
from ivr_bridge.bridge.legs import CallerLeg
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.flows.model import Language
from ivr_bridge.speech.prompt import Prompt
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log

TICK_S = 0.2
STEADY_FEED_S = 5.0
"""The agent ends a conversation that hears nothing for 60 s; long before that it gets a sign of life."""
DEAD_AFTER_S = 6.0
"""The vendor sends a ping every few seconds: an agent that owes an answer and sends none is half-open."""
WAIT_PROMPT, ASK_PROMPT, ASK_AGAIN_PROMPT = "connecting", "are_you_there", "no_input"


@dataclass(frozen=True, slots=True)
class WatchNeeds:
    """What the call hands in."""

    leg: CallerLeg
    journey: Journey
    stage: FlowStage
    caller_side: CallerSide
    agent_side: AgentSide
    to_caller: AgentToCaller
    filler: Filler
    deadlines: Deadlines
    controls: CallControls
    account: CallAccount
    prompt: Callable[[str, Language], Prompt | None]
    say: Callable[[str, Language], bool]
    end: Callable[[Termination, bool], None]
    """Whether at once, dropping what is playing."""
    ending: Callable[[], bool]
    clock: Callable[[], float]
    log: Log


@cache
def _music() -> Prompt:
    """One for all calls: its text form alone is 85 KB."""
    return Prompt("hold_music", "en", "", hold_music())


class Watch:
    """One for each stream; `keep` is its task."""

    def __init__(self, needs: WatchNeeds) -> None:
        self._needs = needs
        self._fed_at = needs.clock()
        self._fed_frames = 0

    async def keep(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(TICK_S)
            self._look(self._needs.clock())

    def _look(self, now: float) -> None:
        needs = self._needs
        needs.to_caller.tick(now)
        if needs.leg.write_stalled_s(now) >= WRITE_STALLED_S:
            needs.end(Termination.STREAM_STALLED, False)
        if needs.ending():
            return
        speaking = needs.to_caller.speaking(now)
        needs.stage.tick(now, speaking=speaking)
        needs.caller_side.tick(now)
        if needs.controls.hang_up_due(now, playing=speaking):
            needs.end(Termination.AGENT_HUNG_UP, False)
        deadline = needs.deadlines.due(now, playing=speaking)
        if deadline is not None and not needs.ending():
            self._on_deadline(deadline)
        if not needs.ending():
            self._fill(now)
        self._keep_fed(now)

    def _on_deadline(self, deadline: Deadline) -> None:
        needs = self._needs
        language = needs.journey.language
        match deadline:
            case Deadline.ASK_CALLER:
                needs.log.emit(events.CALLER_ASKED, silent_s=needs.deadlines.silent_s(needs.clock()))
                needs.say(ASK_PROMPT, language)
            case Deadline.ASK_AGAIN if needs.agent_side.quiet_s() >= DEAD_AFTER_S:
                needs.agent_side.failed(Failed(Cause.LOST, "not even a ping for long", seated=True))
            case Deadline.ASK_AGAIN:
                needs.say(ASK_AGAIN_PROMPT, language)
            case Deadline.NO_MEDIA:
                needs.end(Termination.STREAM_SILENT, True)
            case Deadline.CALL_TOO_LONG:
                needs.end(Termination.CALL_TOO_LONG, True)
            case Deadline.CALLER_SILENT:
                needs.end(Termination.CALLER_SILENT, False)
            case Deadline.AGENT_SILENT:
                needs.agent_side.failed(Failed(Cause.SILENT, "no audio after the caller's words", seated=True))

    def _fill(self, now: float) -> None:
        needs = self._needs
        if needs.filler.give_up(now):
            needs.to_caller.stop_filler()
        fill = needs.filler.due(now, playing=needs.to_caller.playing(now))
        if fill is None:
            return
        language = needs.journey.language
        prompt = needs.prompt(WAIT_PROMPT, language) if fill is Fill.WORDS else None
        needs.to_caller.stop_filler()
        needs.to_caller.play_filler(prompt or _music())
        after_ms = (now - needs.filler.since) * 1000
        needs.log.emit(events.FILLER_PLAYED, why=f"{needs.filler.why}: {fill.value}", after_ms=after_ms)

    def _keep_fed(self, now: float) -> None:
        needs = self._needs
        if needs.account.frames_in != self._fed_frames:
            self._fed_frames, self._fed_at = needs.account.frames_in, now
        elif now - self._fed_at >= STEADY_FEED_S:
            needs.agent_side.send_activity()
            self._fed_at = now
