"""One call while its stream lives: two directions, a flow, a watch, and exactly one Termination."""

import asyncio
import traceback
from collections.abc import Coroutine
from typing import Any

from ivr_bridge.bridge.account import CallAccount
from ivr_bridge.bridge.agent_seat import AgentSeat, Failed
from ivr_bridge.bridge.agent_side import AgentSide
from ivr_bridge.bridge.agent_to_caller import AgentToCaller
from ivr_bridge.bridge.call_controls import CallControls
from ivr_bridge.bridge.call_needs import CallNeeds, LeftBehind, Opening
from ivr_bridge.bridge.call_parts import CallParts
from ivr_bridge.bridge.caller_side import CallerSide
from ivr_bridge.bridge.caller_to_agent import CallerToAgent
from ivr_bridge.bridge.deadlines import Deadlines
from ivr_bridge.bridge.fallback import Cause
from ivr_bridge.bridge.filler import Why
from ivr_bridge.bridge.flow_stage import FlowStage
from ivr_bridge.bridge.greeting import GreetingGate
from ivr_bridge.bridge.greeting_choice import Greeting
from ivr_bridge.bridge.legs import AgentLeg, CallerLeg
from ivr_bridge.bridge.parked_agents import ParkedAgent
from ivr_bridge.bridge.playout import Interruption
from ivr_bridge.bridge.rescue import Rescue
from ivr_bridge.bridge.taping import Taping
from ivr_bridge.bridge.termination import FAR_ENDS, Termination
from ivr_bridge.bridge.turns import Turns
from ivr_bridge.bridge.voicemail_recorder import VoicemailRecorder
from ivr_bridge.bridge.watch import Watch
from ivr_bridge.elevenlabs.conversation.events import AgentEvent
from ivr_bridge.flows.model import HttpNode, Language
from ivr_bridge.flows.moves import AskHttp, HttpAnswered, MachineAnswered, PromiseCallback, TakeVoicemail
from ivr_bridge.settings import Settings
from ivr_bridge.telemetry import events
from ivr_bridge.tools.dispatch import ToolDispatch


class Call:
    """One stream of one call. Make it, `await run()`, read `termination`."""

    __slots__ = ("_cut", "_ending", "_over", "_parts", "_running", "_sounds", "_tasks", "prompt_played")

    def __init__(self, leg: CallerLeg, opening: Opening, needs: CallNeeds, account: CallAccount) -> None:
        loop = asyncio.get_running_loop()
        self._over: asyncio.Future[Termination] = loop.create_future()
        self._running: list[asyncio.Task[None]] = []
        self._ending: Termination | None = None
        self._cut: Interruption | None = None
        self._tasks = asyncio.TaskGroup()
        self._sounds = needs.sounds
        self.prompt_played = False
        """Whether the caller heard the termination's prompt in the stream; else TwiML says it."""
        now = loop.time()
        if account.started_at is None:
            account.started_at = now
        account.greeting = account.greeting or opening.greeting.name
        parts = self._parts = CallParts(
            call=self,
            desk=needs.desk,
            leg=leg,
            journey=needs.journey,
            transcript=needs.transcript,
            account=account,
            deadlines=_deadlines(needs.settings, now),
            clock=loop.time,
            log=needs.log,
        )
        parts.rescue = Rescue(parts)
        parts.agent_side = AgentSide(parts, opening)
        parts.caller_side = CallerSide(parts)
        parts.controls = CallControls(parts)
        parts.to_agent = CallerToAgent(account, parts.caller_side.spoke)
        parts.to_caller = AgentToCaller(leg, account, parts.clock, needs.log)
        parts.tools = ToolDispatch(
            needs.tools,
            parts.controls,
            self._answer_tool,
            needs.log,
            timeout_s=needs.tool_timeout_s,
            threads=needs.tool_threads,
        )
        parts.turns = self._build_turns(opening.greeting, tell=needs.tell_agent_what_was_heard)
        parts.seat = self._build_seat(needs.settings.agent_silent_s)
        parts.seat.expected = opening.agent
        parts.stage = self._build_stage()

    def _build_turns(self, greeting: Greeting, *, tell: bool) -> Turns:
        parts = self._parts
        return Turns(
            to_caller=parts.to_caller,
            gate=GreetingGate(shut=greeting.gate_shut),
            floor=parts.floor,
            filler=parts.filler,
            transcript=parts.transcript,
            deadlines=parts.deadlines,
            tools=parts.tools,
            account=parts.account,
            tell=self._tell_heard if tell else None,
            understood=parts.caller_side.understood,
            greeted=greeting.unwanted,
            audible=parts.rescue.heard,
            clock=parts.clock,
            log=parts.log,
        )

    def _build_seat(self, connect_s: float) -> AgentSeat:
        parts = self._parts
        return AgentSeat(
            hear=self._on_agent,
            seated=self._seated,
            to_agent=parts.to_agent,
            to_caller=parts.to_caller,
            account=parts.account,
            connect_s=connect_s,
            log=parts.log,
        )

    def _build_stage(self) -> FlowStage:
        parts = self._parts
        return FlowStage(
            parts.journey,
            self,
            parts.agent_side,
            floor=parts.floor,
            to_caller=parts.to_caller,
            to_agent=parts.to_agent,
            transcript=parts.transcript,
            log=parts.log,
        )

    @property
    def agent(self) -> AgentLeg | None:
        """Who sits in the seat; the desk closes it, since what follows the stream may want it."""
        return self._parts.seat.agent

    def left_behind(self) -> LeftBehind | None:
        """Its conversation, when the stream is over; None when there is none any more."""
        parts, agent = self._parts, self._parts.seat.agent
        if agent is None or parts.seat.closed_itself:
            return None
        return LeftBehind(agent, parts.agent_side.order, parts.tools.unanswered, self._cut)

    @property
    def unclaimed(self) -> ParkedAgent | None:
        """The agent that was still on its way when the stream ended."""
        return self._parts.seat.expected

    @property
    def agent_closed(self) -> bool:
        """Whether that agent closed by itself."""
        return self._parts.seat.closed_itself

    async def run(self) -> Termination:
        """Run until the stream is over; whatever happens, one Termination.

        Cancelling it (the second Ctrl-C) ends everything at once and is safe.
        """
        parts = self._parts
        try:
            async with self._tasks:
                self.in_background(parts.caller_side.listen())
                self.in_background(Watch(parts).keep())
                if parts.seat.expected is not None:
                    parts.agent_side.come(parts.seat.expected)
                parts.stage.begin()
                parts.agent_side.begun()
                termination = await self._over
                for task in self._running:
                    task.cancel()
        except* Exception as group:  # noqa: BLE001 - a task border: a bug of ours ends this call and no other
            termination = Termination.BRIDGE_FAULTED
            error = group.exceptions[0]
            parts.log.emit(events.CALL_FAULTED, error=repr(error), traceback="".join(traceback.format_exception(error)))
        finally:
            parts.leg.hear(None)
            if parts.seat.agent is not None:
                parts.seat.agent.hear(None)
            parts.agent_side.close()
            self._account_for()
            self._hear_no_more()
            if parts.taping is not None:
                parts.taping.stream_over()
            if parts.voicemail is not None:
                termination = parts.voicemail.stream_over(termination)
            await parts.tools.close()
        return termination

    # What the parts ask for

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """A task of the call: it ends with the stream at the latest."""
        self._running = [task for task in self._running if not task.done()]
        self._running.append(self._tasks.create_task(work))

    def end(self, termination: Termination, *, at_once: bool = False) -> None:
        """End the call: with its prompt, or with what is playing; the first reason wins.

        `at_once` drops what is playing first.
        """
        if termination in FAR_ENDS or termination is Termination.STREAM_STALLED:
            self.stream_over(termination)
        if self.ending or self.over:
            return
        parts = self._parts
        self._ending = termination
        parts.filler.end()
        parts.to_caller.stop_filler()
        parts.turns.deaf = termination is not Termination.AGENT_HUNG_UP
        if at_once:
            parts.to_caller.interrupt()
        self.in_background(self._say_last_words(termination))

    async def _say_last_words(self, termination: Termination) -> None:
        parts = self._parts
        playing = termination.prompt is not None and self.say(termination.prompt, parts.journey.language)
        await parts.to_caller.played_out()
        self.prompt_played = playing
        self.stream_over(termination)

    def stream_over(self, termination: Termination) -> None:
        """The stream is gone, or as good as gone: nobody hears last words any more, so they are not waited for."""
        if not self.over:
            self._over.set_result(self._ending or termination)

    @property
    def ending(self) -> bool:
        """Whether the last words are being said, so that nothing else begins."""
        return self._ending is not None

    @property
    def over(self) -> bool:
        """Whether the stream is gone, or as good as gone."""
        return self._over.done()

    def say(self, prompt: str, language: Language) -> bool:
        """Queue a prompt behind what is playing; False when there is no audio of it."""
        parts = self._parts
        found = parts.desk.prompt(prompt, language)
        if found is None:
            parts.log.emit(events.PROMPT_MISSING, prompt=prompt, language=language)
            return False
        parts.filler.end()
        parts.to_caller.play(found)
        parts.log.emit(events.PROMPT_PLAYED, prompt=prompt, language=found.language)
        return True

    def caller_waits(self, why: Why) -> None:
        """The caller waits for something that is not speech of ours: a filler may be due."""
        self._parts.filler.begin(self._parts.clock(), why)

    async def ask_http(self, asked: AskHttp, node: HttpNode) -> HttpAnswered:
        """Ask a service of the operator's."""
        return await self._parts.desk.ask_http(asked, node)

    async def promise_callback(self, asked: PromiseCallback) -> bool:
        """Keep that the caller is to be called back; False when it cannot be kept."""
        return await self._parts.desk.promise_callback(asked)

    def machine_answered(self, prompt: str | None) -> None:
        """A machine has answered: what plays is stopped, it gets its message if there is one, and the call ends."""
        self._parts.stage.step(MachineAnswered(prompt))

    def record_message(self, asked: TakeVoicemail) -> bool:
        """Take a message in the stream, which ends with it; False when nobody here can."""
        if self._sounds is None or asked.record != "stream":
            return False
        parts = self._parts
        parts.voicemail = VoicemailRecorder(parts, asked, self._sounds.voicemails)
        self.in_background(parts.voicemail.take())
        return True

    def announce_recording(self) -> None:
        """Say that the call is recorded, where the flow wants that and the caller has not heard it."""
        parts = self._parts
        if parts.taping is None:
            if self._sounds is None or (wanted := parts.journey.flow.recording) is None:
                return
            parts.taping = Taping(parts, wanted, self._sounds.recordings)
        parts.taping.announce()

    # The agent's side

    def _on_agent(self, event: AgentEvent) -> None:
        parts = self._parts
        termination = parts.turns.receive(event)
        if termination is Termination.AGENT_HUNG_UP and parts.agent_side.ends_call:
            parts.controls.hang_up_after_playout()  # its last words may still be on their way
        elif termination is Termination.AGENT_FLOODED:
            parts.to_caller.interrupt()
            parts.agent_side.failed(Failed(Cause.FLOODED, "more audio than anybody would listen to", seated=True))

    def _seated(self, agent: AgentLeg) -> None:
        self._parts.agent_side.seated(agent)
        self._parts.caller_side.tell_keyed()

    def _answer_tool(self, tool_call_id: str, result: str, is_error: bool) -> None:
        agent = self._parts.seat.agent
        if agent is not None:
            agent.send_tool_result(tool_call_id, result, is_error)
            self._parts.turns.agent_owes()

    def _tell_heard(self, heard: str) -> None:
        said = f'Of your last words the caller heard only: "{heard}"' if heard else "The caller heard nothing of it."
        agent = self._parts.seat.agent
        if agent is not None:
            agent.send_contextual_update(said, "heard")

    def _hear_no_more(self) -> None:
        """What was still to be played is heard by nobody: the transcript says so, and the agent when it is back."""
        parts = self._parts
        cut = parts.to_caller.playout.interrupt(parts.clock())
        if cut is None:
            return
        parts.transcript.corrected(cut.said, cut.heard)
        if cut.event_id > 0:  # a prompt of ours is none of the agent's words
            self._cut = cut

    def _account_for(self) -> None:
        parts = self._parts
        parts.to_caller.account_for()
        parts.turns.account_for()
        if parts.seat.agent is not None:
            parts.account.stale_audio += parts.seat.agent.stale_audio


def _deadlines(settings: Settings, now: float) -> Deadlines:
    return Deadlines(
        now,
        max_call_s=settings.max_call_s,
        caller_silent_s=settings.caller_silent_s,
        agent_silent_s=settings.agent_silent_s,
    )
