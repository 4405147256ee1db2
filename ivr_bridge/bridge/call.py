"""One call while its stream lives: two directions, a watch, and exactly one Termination."""

import asyncio
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from ivr_bridge.bridge.account import CallAccount
from ivr_bridge.bridge.agent_to_caller import AgentToCaller
from ivr_bridge.bridge.call_controls import CallControls
from ivr_bridge.bridge.caller_to_agent import CallerToAgent
from ivr_bridge.bridge.deadlines import WRITE_STALLED_S, Deadline, Deadlines
from ivr_bridge.bridge.dtmf import DigitCollector
from ivr_bridge.bridge.greeting import GreetingGate
from ivr_bridge.bridge.greeting_choice import Greeting
from ivr_bridge.bridge.legs import AgentLeg, CallerLeg
from ivr_bridge.bridge.parked_agents import ParkedAgent
from ivr_bridge.bridge.termination import FAR_ENDS, Termination
from ivr_bridge.bridge.turns import Turns
from ivr_bridge.elevenlabs.conversation.events import AgentEvent, ConversationClosed
from ivr_bridge.errors import AgentError, AgentRefused, AudioFormatError, RemoteProtocolError
from ivr_bridge.settings import Settings
from ivr_bridge.speech.prompt import Prompt
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log
from ivr_bridge.tools.context import CallInfo
from ivr_bridge.tools.dispatch import ToolDispatch
from ivr_bridge.tools.registry import ToolRegistry
from ivr_bridge.tools.threads import ToolThreads
from ivr_bridge.twilio.stream_events import (
    CallerAudio,
    DtmfPressed,
    MarkReached,
    StreamClosed,
    StreamEvent,
    StreamStopped,
    UnknownStreamMessage,
)

TICK_S = 0.2
STEADY_FEED_S = 5.0
"""The agent ends a conversation that hears nothing for 60 s; long before that it gets a sign of life."""


@dataclass(frozen=True, slots=True)
class Opening:
    """How a call begins: the agent on its way, and the first words."""

    agent: ParkedAgent
    greeting: Greeting


@dataclass(frozen=True, slots=True)
class CallNeeds:
    """What every call is given by the desk."""

    settings: Settings
    prompt: Callable[[str], Prompt | None]
    """An operator's prompt by name, in the call's language; None when it was never rendered."""
    tools: ToolRegistry
    tool_timeout_s: float
    tell_agent_what_was_heard: bool
    info: Callable[[], CallInfo]
    log: Log
    tool_threads: ToolThreads | None = None
    """Where sync tools of all calls run; None: threads of this call's own."""


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
        self._last_words: asyncio.Task[None] | None = None
        self._ending: Termination | None = None
        self._tasks = asyncio.TaskGroup()
        self.agent: AgentLeg | None = None
        """Handed back for the desk to close: what follows the stream may want it."""
        self.unclaimed: ParkedAgent | None = opening.agent
        """Set until the agent is claimed."""
        self.agent_closed = False
        """Whether the agent closed by itself."""
        self.prompt_played = False
        """Whether the caller heard the termination's prompt in the stream; else TwiML says it."""
        now = self._clock()
        if account.started_at is None:
            account.started_at = now
        settings = needs.settings
        self._deadlines = Deadlines(now, max_call_s=settings.max_call_s, caller_silent_s=settings.caller_silent_s)
        self._digits = DigitCollector()
        self._keyed: list[str] = []
        self._to_agent = CallerToAgent(account, self._caller_spoke)
        self._to_caller = AgentToCaller(leg, account, self._clock, needs.log)
        self._controls = CallControls(leg.started.call_sid, needs.info, self._clock)
        self._tools = ToolDispatch(
            needs.tools,
            self._controls,
            self._answer_tool,
            needs.log,
            timeout_s=needs.tool_timeout_s,
            threads=needs.tool_threads,
        )
        self._turns = Turns(
            to_caller=self._to_caller,
            gate=GreetingGate(shut=opening.greeting.gate_shut),
            deadlines=self._deadlines,
            tools=self._tools,
            account=account,
            tell=self._tell_heard if needs.tell_agent_what_was_heard else None,
            clock=self._clock,
            log=needs.log,
        )
        self._unknown_kinds: set[str] = set()
        self._fed_at = now

    async def run(self) -> Termination:
        """Run until the stream is over; whatever happens, one Termination.

        Cancelling it (the second Ctrl-C) ends everything at once and is safe.
        """
        try:
            async with self._tasks as tasks:
                running = [
                    tasks.create_task(self._hear_caller()),
                    tasks.create_task(self._hear_agent()),
                    tasks.create_task(self._watch()),
                ]
                self._greet()
                termination = await self._over
                for task in (*running, self._last_words):
                    if task is not None:
                        task.cancel()
        except* Exception as group:  # noqa: BLE001 - a task border: a bug of ours ends this call and no other
            termination = Termination.BRIDGE_FAULTED
            error = group.exceptions[0]
            self._log.emit(events.CALL_FAULTED, error=repr(error), traceback="".join(traceback.format_exception(error)))
        finally:
            self._leg.hear(None)
            if self.agent is not None:
                self.agent.hear(None)
            self._account_for()
            await self._tools.close()
        return termination

    def end(self, termination: Termination, *, at_once: bool = False) -> None:
        """End the call: with its prompt, or with what is playing; the first reason wins.

        `at_once` drops what is playing first.
        """
        if termination in FAR_ENDS or termination is Termination.STREAM_STALLED:
            self.stream_over(termination)
        if self._ending is not None or self._over.done():
            return
        self._ending = termination
        self._turns.deaf = termination is not Termination.AGENT_HUNG_UP
        if at_once:
            self._to_caller.interrupt()
        self._last_words = self._tasks.create_task(self._say_last_words(termination))

    async def _say_last_words(self, termination: Termination) -> None:
        playing = termination.prompt is not None and self._play(termination.prompt)
        await self._to_caller.played_out()
        self.prompt_played = playing
        self.stream_over(termination)

    def _play(self, name: str) -> bool:
        prompt = self._needs.prompt(name)
        if prompt is None:
            return False
        self._to_caller.play(prompt)
        self._log.emit(events.PROMPT_PLAYED, prompt=name, language=prompt.language)
        return True

    def _greet(self) -> None:
        greeting = self._opening.greeting
        self._account.greeting = greeting.name
        if greeting.prompt is not None:
            self._to_caller.play(greeting.prompt)

    # The caller's side

    async def _hear_caller(self) -> None:
        leg = self._leg
        leg.hear(self._audio_came)
        while True:
            try:
                received = await leg.receive()
            except RemoteProtocolError as error:
                self._log.emit(events.STREAM_FAULTED, stream_sid=leg.started.stream_sid, error=str(error))
                self.stream_over(Termination.STREAM_FAULTED)
                return
            for event in received:
                self._on_caller(event)
            if self._over.done():
                return

    def _audio_came(self, event: CallerAudio) -> None:
        self._deadlines.media_came(self._clock())
        self._to_agent.audio(event)

    def _on_caller(self, event: StreamEvent) -> None:
        match event:
            case CallerAudio():
                self._audio_came(event)
            case MarkReached(name):
                self._to_caller.mark_reached(name)
            case DtmfPressed(digit):
                self._log.emit(events.CALLER_KEYED, pii={"digit": digit})
                self._deadlines.caller_heard(self._clock())
                self._tell_digits(self._digits.press(digit, self._clock()))
            case StreamStopped():
                self.stream_over(Termination.STREAM_ENDED)
            case StreamClosed(close_code):
                self._log.emit(
                    events.STREAM_ENDED,
                    stream_sid=self._leg.started.stream_sid,
                    reason="closed" if event.clean else "lost",
                    close_code=close_code,
                )
                self.stream_over(Termination.STREAM_ENDED if event.clean else Termination.STREAM_LOST)
            case UnknownStreamMessage(kind):
                self._account.unknown_messages += 1
                if kind not in self._unknown_kinds and len(self._unknown_kinds) < 10:
                    self._unknown_kinds.add(kind)
                    self._log.emit(events.STREAM_UNKNOWN, kind=kind[:40])
            case _:
                pass

    def stream_over(self, termination: Termination) -> None:
        """The stream is gone, or as good as gone: nobody hears last words any more, so they are not waited for."""
        if not self._over.done():
            self._over.set_result(self._ending or termination)

    def _caller_spoke(self) -> None:
        self._deadlines.caller_spoke(self._clock())

    def _tell_digits(self, digits: str | None) -> None:
        if digits:
            self._keyed.append(digits)
        if self.agent is not None:
            for number in self._keyed:
                self.agent.send_user_message(f"I pressed {' '.join(number)} on the keypad.")
            self._keyed.clear()

    # The agent's side

    async def _hear_agent(self) -> None:
        try:
            agent, said = await self._opening.agent.claim()
            self._connect(agent)
        except AudioFormatError as error:
            self._log.emit(events.AGENT_FAULTED, code=0, error_type=error.code, error=str(error))
            self.end(Termination.AUDIO_FORMAT)
            return
        except AgentError as error:
            refused = isinstance(error, AgentRefused)
            self.end(Termination.AGENT_REFUSED if refused else Termination.AGENT_UNREACHABLE)
            return
        for event in said:
            self._on_agent(event)
        agent.hear(self._on_agent)
        while not self.agent_closed:
            for event in await agent.receive():
                self._on_agent(event)

    def _on_agent(self, event: AgentEvent) -> None:
        if isinstance(event, ConversationClosed):
            self._conversation_closed(event)
            return
        termination = self._turns.receive(event)
        if termination is Termination.AGENT_HUNG_UP:
            self._controls.hang_up_after_playout()  # its last words may still be on their way
        elif termination is not None:
            self.end(termination, at_once=termination is Termination.AGENT_FLOODED)

    def _connect(self, agent: AgentLeg) -> None:
        self.agent, self.unclaimed = agent, None
        account = self._account
        account.conversation_id = agent.conversation_id
        account.input_format, account.output_format = str(agent.input_format), str(agent.output_format)
        to_caller = self._to_caller.connect(agent.output_format)
        to_agent = self._to_agent.connect(agent)
        self._log.emit(events.AUDIO_CHAINED, caller_to_agent=to_agent, agent_to_caller=to_caller)
        if self._opening.greeting.told:
            agent.send_contextual_update(self._opening.greeting.told)

    def _conversation_closed(self, event: ConversationClosed) -> None:
        self.agent_closed = True
        self._account.agent_close_code = event.close_code
        self._to_agent.disconnect()
        self._log.emit(events.AGENT_CLOSED, close_code=event.close_code, reason=event.reason, by="agent")
        if event.close_code == 1000:
            self.end(Termination.AGENT_HUNG_UP)
        elif event.close_code == 1008:
            self.end(Termination.AGENT_REFUSED)
        else:
            self.end(Termination.AGENT_LOST)

    def _answer_tool(self, tool_call_id: str, result: str, is_error: bool) -> None:
        if self.agent is not None:
            self.agent.send_tool_result(tool_call_id, result, is_error)

    def _tell_heard(self, heard: str) -> None:
        if self.agent is not None:
            said = (
                f'Of your last words the caller heard only: "{heard}"' if heard else "The caller heard nothing of it."
            )
            self.agent.send_contextual_update(said, "heard")

    # The watch

    async def _watch(self) -> None:
        fed_frames = 0
        while True:
            await asyncio.sleep(TICK_S)
            now = self._clock()
            self._to_caller.tick(now)
            playing = self._to_caller.playout.playing(now)
            self._tell_digits(self._digits.expire(now))
            if self._leg.write_stalled_s(now) >= WRITE_STALLED_S:
                self.end(Termination.STREAM_STALLED)
            if self._controls.hang_up_due(now, playing=playing):
                self.end(Termination.AGENT_HUNG_UP)
            deadline = self._deadlines.due(now, playing=playing)
            if deadline is not None and self._ending is None:
                self._on_deadline(deadline, now)
            if self._account.frames_in != fed_frames:
                fed_frames, self._fed_at = self._account.frames_in, now
            elif now - self._fed_at >= STEADY_FEED_S and self.agent is not None:
                self.agent.send_user_activity()
                self._fed_at = now

    def _on_deadline(self, deadline: Deadline, now: float) -> None:
        match deadline:
            case Deadline.ASK_CALLER:
                self._log.emit(events.CALLER_ASKED, silent_s=self._deadlines.silent_s(now))
                self._play("are_you_there")
            case Deadline.EXCUSE_AGENT:
                self._play("connecting")
            case Deadline.NO_MEDIA:
                self.end(Termination.STREAM_SILENT, at_once=True)
            case Deadline.CALL_TOO_LONG:
                self.end(Termination.CALL_TOO_LONG, at_once=True)
            case Deadline.CALLER_SILENT:
                self.end(Termination.CALLER_SILENT)
            case Deadline.AGENT_SILENT:
                self.end(Termination.AGENT_SILENT)

    def _account_for(self) -> None:
        self._to_caller.account_for()
        self._turns.account_for()
        if self.agent is not None:
            self._account.stale_audio += self.agent.stale_audio
