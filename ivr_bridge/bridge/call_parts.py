"""The parts of one stream of a call, where each finds the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from ivr_bridge.bridge.filler import Filler
from ivr_bridge.bridge.floor import Floor

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from ivr_bridge.bridge.account import CallAccount
    from ivr_bridge.bridge.agent_seat import AgentSeat
    from ivr_bridge.bridge.agent_side import AgentSide
    from ivr_bridge.bridge.agent_to_caller import AgentToCaller
    from ivr_bridge.bridge.call_controls import CallControls
    from ivr_bridge.bridge.call_needs import DeskHands
    from ivr_bridge.bridge.caller_side import CallerSide
    from ivr_bridge.bridge.caller_to_agent import CallerToAgent
    from ivr_bridge.bridge.deadlines import Deadlines
    from ivr_bridge.bridge.filler import Why
    from ivr_bridge.bridge.flow_stage import FlowStage
    from ivr_bridge.bridge.journey import Journey
    from ivr_bridge.bridge.legs import CallerLeg
    from ivr_bridge.bridge.rescue import Rescue
    from ivr_bridge.bridge.taping import Taping
    from ivr_bridge.bridge.termination import Termination
    from ivr_bridge.bridge.transcript import Transcript
    from ivr_bridge.bridge.turns import Turns
    from ivr_bridge.bridge.voicemail_recorder import VoicemailRecorder
    from ivr_bridge.flows.model import HttpNode, Language
    from ivr_bridge.flows.moves import AskHttp, HttpAnswered, PromiseCallback, TakeVoicemail
    from ivr_bridge.telemetry.log import Log
    from ivr_bridge.tools.dispatch import ToolDispatch
    from ivr_bridge.twilio.stream_events import CallerAudio


class CallerTap(Protocol):
    """Listens to the caller. What it does must not wait, and must not raise."""

    def caller_audio(self, event: CallerAudio) -> None:
        """A piece, the moment it comes."""
        ...


class CallHands(Protocol):
    """What its parts ask of the call itself."""

    @property
    def ending(self) -> bool:
        """Whether the last words are being said, so that nothing else begins."""
        ...

    @property
    def over(self) -> bool:
        """Whether the stream is gone, or as good as gone."""
        ...

    def say(self, prompt: str, language: Language) -> bool:
        """Queue a prompt behind what is playing; False when there is no audio of it."""
        ...

    def caller_waits(self, why: Why) -> None:
        """The caller waits for something that is not speech of ours: a filler may be due."""
        ...

    async def ask_http(self, asked: AskHttp, node: HttpNode) -> HttpAnswered:
        """Ask a service of the operator's."""
        ...

    async def promise_callback(self, asked: PromiseCallback) -> bool:
        """Keep that the caller is to be called back; False when it cannot be kept."""
        ...

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """A task of the call: it ends with the stream at the latest."""
        ...

    def record_message(self, asked: TakeVoicemail) -> bool:
        """Take a message in the stream, which ends with it; False when nobody here can."""
        ...

    def announce_recording(self) -> None:
        """Say that the call is recorded, where the flow wants that and the caller has not heard it."""
        ...

    def end(self, termination: Termination, *, at_once: bool = False) -> None:
        """End the call when what is playing was heard, or at once; the first reason wins."""
        ...

    def stream_over(self, termination: Termination) -> None:
        """The stream is gone: nobody hears last words any more."""
        ...


@dataclass(slots=True, eq=False)
class CallParts:
    """All of them by name, so that no part keeps ways of its own to the others: hundreds of calls have them.

    `Call` fills it while it puts the parts together. A part may keep it from the beginning, and asks it for another
    one only when something happens.
    """

    call: CallHands
    desk: DeskHands
    leg: CallerLeg
    journey: Journey
    transcript: Transcript
    account: CallAccount
    deadlines: Deadlines
    clock: Callable[[], float]
    """Monotonic seconds."""
    log: Log
    floor: Floor = field(default_factory=Floor)
    filler: Filler = field(default_factory=Filler)
    caller_taps: tuple[CallerTap, ...] = ()
    """Who else listens to the caller; mostly nobody."""
    voicemail: VoicemailRecorder | None = None
    """While a message is taken."""
    taping: Taping | None = None
    """Where the flow wants the call recorded."""
    to_agent: CallerToAgent = field(init=False)
    to_caller: AgentToCaller = field(init=False)
    controls: CallControls = field(init=False)
    tools: ToolDispatch = field(init=False)
    turns: Turns = field(init=False)
    seat: AgentSeat = field(init=False)
    rescue: Rescue = field(init=False)
    agent_side: AgentSide = field(init=False)
    caller_side: CallerSide = field(init=False)
    stage: FlowStage = field(init=False)
