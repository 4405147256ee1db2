"""One call while its stream lives: two directions, a flow, a watch, and exactly one Termination."""

import asyncio
import traceback
from collections.abc import Coroutine
from typing import Any

from ivr_bridge.bridge.account import CallAccount
from ivr_bridge.bridge.agent_order import AgentOrder
from ivr_bridge.bridge.agent_seat import AgentSeat, Failed
from ivr_bridge.bridge.agent_side import AgentSide, AgentSideNeeds
from ivr_bridge.bridge.agent_to_caller import AgentToCaller
from ivr_bridge.bridge.call_controls import CallControls
from ivr_bridge.bridge.call_needs import CallNeeds, Opening
from ivr_bridge.bridge.caller_side import CallerSide, CallerSideNeeds
from ivr_bridge.bridge.caller_to_agent import CallerToAgent
from ivr_bridge.bridge.deadlines import Deadlines
from ivr_bridge.bridge.fallback import Cause
from ivr_bridge.bridge.filler import Filler, Why
from ivr_bridge.bridge.floor import Floor
from ivr_bridge.bridge.flow_stage import FlowStage
from ivr_bridge.bridge.greeting import GreetingGate
from ivr_bridge.bridge.legs import AgentLeg, CallerLeg
from ivr_bridge.bridge.parked_agents import ParkedAgent
from ivr_bridge.bridge.rescue import Rescue, RescueNeeds
from ivr_bridge.bridge.termination import FAR_ENDS, Termination
from ivr_bridge.bridge.turns import Turns
from ivr_bridge.bridge.watch import Watch, WatchNeeds
from ivr_bridge.elevenlabs.conversation.events import AgentEvent
from ivr_bridge.flows.model import HttpNode, Language
from ivr_bridge.flows.moves import AskHttp, FlowInput, HttpAnswered
from ivr_bridge.speech.prompt import Prompt
from ivr_bridge.telemetry import events
from ivr_bridge.tools.dispatch import ToolDispatch


class Call:
    """One stream of one call. Make it, `await run()`, read `termination`."""

    def __init__(self, leg: CallerLeg, opening: Opening, needs: CallNeeds, account: CallAccount) -> None:
        loop = asyncio.get_running_loop()
        self._clock = loop.time
        self._leg = leg
        self._opening = opening
        self._needs = needs
        self._log = needs.log
        self._account = account
        self._over: asyncio.Future[Termination] = loop.create_future()
        self._running: list[asyncio.Task[None]] = []
        self._ending: Termination | None = None
        self._tasks = asyncio.TaskGroup()
        self.prompt_played = False
        """Whether the caller heard the termination's prompt in the stream; else TwiML says it."""
        now = self._clock()
        if account.started_at is None:
            account.started_at = now
        settings = needs.settings
        self._deadlines = Deadlines(
            now,
            max_call_s=settings.max_call_s,
            caller_silent_s=settings.caller_silent_s,
            agent_silent_s=settings.agent_silent_s,
        )
        self._floor = Floor()
        self._filler = Filler()
        self._to_agent = CallerToAgent(account, self._spoke)
        self._to_caller = AgentToCaller(leg, account, self._clock, needs.log)
        self._controls = CallControls(leg.started.call_sid, needs.info, lambda: needs.journey.options, self._clock)
        self._tools = ToolDispatch(
            needs.tools,
            self._controls,
            self._answer_tool,
            needs.log,
            timeout_s=needs.tool_timeout_s,
            threads=needs.tool_threads,
        )
        self._turns = self._build_turns()
        self._seat = AgentSeat(
            hear=self._on_agent,
            seated=self._seated,
            to_agent=self._to_agent,
            to_caller=self._to_caller,
            account=account,
            connect_s=settings.agent_silent_s,
            log=needs.log,
        )
        self._agent_side = self._build_agent_side()
        self._stage = self._build_stage()
        self._controls.stage = self._stage
        self._caller_side = self._build_caller_side()
        self._watch = self._build_watch()

    def _build_turns(self) -> Turns:
        needs = self._needs
        return Turns(
            to_caller=self._to_caller,
            gate=GreetingGate(shut=self._opening.greeting.gate_shut),
            floor=self._floor,
            filler=self._filler,
            transcript=needs.transcript,
            deadlines=self._deadlines,
            tools=self._tools,
            account=self._account,
            tell=self._tell_heard if needs.tell_agent_what_was_heard else None,
            understood=self._understood,
            greeted=self._opening.greeting.unwanted,
            audible=self._audible,
            clock=self._clock,
            log=needs.log,
        )

    def _build_agent_side(self) -> AgentSide:
        needs = self._needs

        def dial(order: AgentOrder) -> ParkedAgent:
            return ParkedAgent(lambda: needs.dial(order), needs.log)

        self._rescue = Rescue(
            needs.ladder,
            RescueNeeds(
                dial=dial,
                register=needs.register,
                go_to=self._go_on_without,
                leave_for_vendor=self._leave_for_vendor,
                end=self.end,
                filler=self._filler,
                clock=self._clock,
                log=needs.log,
            ),
        )
        side = AgentSideNeeds(
            journey=needs.journey,
            seat=self._seat,
            rescue=self._rescue,
            turns=self._turns,
            floor=self._floor,
            filler=self._filler,
            transcript=needs.transcript,
            to_caller=self._to_caller,
            to_agent=self._to_agent,
            order=needs.order,
            dial=dial,
            dismiss=needs.dismiss,
            discard=needs.discard,
            step=self._step,
            ending=lambda: self._ending is not None,
            menu=self._open_menu,
            end=self.end,
            in_background=self.in_background,
            played_out=self._to_caller.played_out,
            greets=needs.greets,
            play_greeting=self._play_greeting,
            owes=self._turns.agent_owes,
            owes_nothing=self._deadlines.agent_gave_sign,
            clock=self._clock,
        )
        return AgentSide(side, self._opening.greeting, self._opening.order)

    def _build_stage(self) -> FlowStage:
        return FlowStage(
            self._needs.journey,
            self,
            self._agent_side,
            floor=self._floor,
            to_caller=self._to_caller,
            to_agent=self._to_agent,
            transcript=self._needs.transcript,
            log=self._log,
        )

    def _build_caller_side(self) -> CallerSide:
        return CallerSide(
            CallerSideNeeds(
                leg=self._leg,
                journey=self._needs.journey,
                stage=self._stage,
                agent_side=self._agent_side,
                to_agent=self._to_agent,
                to_caller=self._to_caller,
                floor=self._floor,
                filler=self._filler,
                deadlines=self._deadlines,
                account=self._account,
                stream_over=self.stream_over,
                over=self._over.done,
                ending=lambda: self._ending is not None,
                clock=self._clock,
                log=self._log,
            )
        )

    def _build_watch(self) -> Watch:
        return Watch(
            WatchNeeds(
                leg=self._leg,
                journey=self._needs.journey,
                stage=self._stage,
                caller_side=self._caller_side,
                agent_side=self._agent_side,
                to_caller=self._to_caller,
                filler=self._filler,
                deadlines=self._deadlines,
                controls=self._controls,
                account=self._account,
                prompt=self._needs.prompt,
                say=self.say,
                end=lambda termination, at_once: self.end(termination, at_once=at_once),
                ending=lambda: self._ending is not None,
                clock=self._clock,
                log=self._log,
            )
        )

    @property
    def agent(self) -> AgentLeg | None:
        """Who sits in the seat; the desk closes it, since what follows the stream may want it."""
        return self._seat.agent

    @property
    def unclaimed(self) -> ParkedAgent | None:
        """The agent that was still on its way when the stream ended."""
        return self._seat.expected

    @property
    def agent_closed(self) -> bool:
        """Whether that agent closed by itself."""
        return self._seat.closed_itself

    async def run(self) -> Termination:
        """Run until the stream is over; whatever happens, one Termination.

        Cancelling it (the second Ctrl-C) ends everything at once and is safe.
        """
        self._seat.expected = self._opening.agent
        self._account.greeting = self._account.greeting or self._opening.greeting.name
        try:
            async with self._tasks:
                self.in_background(self._caller_side.listen())
                self.in_background(self._watch.keep())
                if self._opening.agent is not None:
                    self._agent_side.come(self._opening.agent)
                self._stage.begin()
                termination = await self._over
                for task in self._running:
                    task.cancel()
        except* Exception as group:  # noqa: BLE001 - a task border: a bug of ours ends this call and no other
            termination = Termination.BRIDGE_FAULTED
            error = group.exceptions[0]
            self._log.emit(events.CALL_FAULTED, error=repr(error), traceback="".join(traceback.format_exception(error)))
        finally:
            self._leg.hear(None)
            if self._seat.agent is not None:
                self._seat.agent.hear(None)
            self._agent_side.close()
            self._account_for()
            await self._tools.close()
        return termination

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """A task of the call: it ends with the stream at the latest."""
        task = self._tasks.create_task(work)
        self._running.append(task)
        task.add_done_callback(self._running.remove)

    def end(self, termination: Termination, *, at_once: bool = False) -> None:
        """End the call: with its prompt, or with what is playing; the first reason wins.

        `at_once` drops what is playing first.
        """
        if termination in FAR_ENDS or termination is Termination.STREAM_STALLED:
            self.stream_over(termination)
        if self._ending is not None or self._over.done():
            return
        self._ending = termination
        self._filler.end()
        self._to_caller.stop_filler()
        self._turns.deaf = termination is not Termination.AGENT_HUNG_UP
        if at_once:
            self._to_caller.interrupt()
        self.in_background(self._say_last_words(termination))

    async def _say_last_words(self, termination: Termination) -> None:
        language = self._needs.journey.language
        playing = termination.prompt is not None and self.say(termination.prompt, language)
        await self._to_caller.played_out()
        self.prompt_played = playing
        self.stream_over(termination)

    def stream_over(self, termination: Termination) -> None:
        """The stream is gone, or as good as gone: nobody hears last words any more, so they are not waited for."""
        if not self._over.done():
            self._over.set_result(self._ending or termination)

    # What the flow and the ladder want

    @property
    def ending(self) -> bool:
        """Whether the last words are being said, so that nothing else begins."""
        return self._ending is not None

    def say(self, prompt: str, language: Language) -> bool:
        """Queue a prompt behind what is playing; False when there is no audio of it."""
        found = self._needs.prompt(prompt, language)
        if found is None:
            self._log.emit(events.PROMPT_MISSING, prompt=prompt, language=language)
            return False
        self._filler.end()
        self._to_caller.play(found)
        self._log.emit(events.PROMPT_PLAYED, prompt=prompt, language=found.language)
        return True

    def caller_waits(self, why: Why) -> None:
        """The caller waits for something that is not speech of ours: a filler may be due."""
        self._filler.begin(self._clock(), why)

    async def ask_http(self, asked: AskHttp, node: HttpNode) -> HttpAnswered:
        """Ask a service of the operator's."""
        return await self._needs.ask_http(asked, node)

    def _play_greeting(self, prompt: Prompt) -> None:
        self._to_caller.play(prompt)

    def _go_on_without(self, node: str) -> None:
        self._agent_side.go_on_without(node)

    def _leave_for_vendor(self, twiml: str) -> None:
        self._needs.journey.vendors_twiml = twiml
        self.end(Termination.VENDOR_TOOK_OVER)

    # What one side tells another that is made after it

    def _spoke(self) -> None:
        self._caller_side.spoke()

    def _understood(self, text: str) -> None:
        self._caller_side.understood(text)

    def _audible(self) -> None:
        self._rescue.heard()

    def _open_menu(self) -> str:
        return self._stage.menu_told

    def _step(self, happened: FlowInput) -> None:
        self._stage.step(happened)

    # The agent's side

    def _on_agent(self, event: AgentEvent) -> None:
        termination = self._turns.receive(event)
        if termination is Termination.AGENT_HUNG_UP and self._agent_side.ends_call:
            self._controls.hang_up_after_playout()  # its last words may still be on their way
        elif termination is Termination.AGENT_FLOODED:
            self._to_caller.interrupt()
            self._agent_side.failed(Failed(Cause.FLOODED, "more audio than anybody would listen to", seated=True))

    def _seated(self, agent: AgentLeg) -> None:
        self._agent_side.seated(agent)
        self._caller_side.tell_keyed()

    def _answer_tool(self, tool_call_id: str, result: str, is_error: bool) -> None:
        if self._seat.agent is not None:
            self._seat.agent.send_tool_result(tool_call_id, result, is_error)
            self._turns.agent_owes()

    def _tell_heard(self, heard: str) -> None:
        said = f'Of your last words the caller heard only: "{heard}"' if heard else "The caller heard nothing of it."
        if self._seat.agent is not None:
            self._seat.agent.send_contextual_update(said, "heard")

    def _account_for(self) -> None:
        self._to_caller.account_for()
        self._turns.account_for()
        if self._seat.agent is not None:
            self._account.stale_audio += self._seat.agent.stale_audio
