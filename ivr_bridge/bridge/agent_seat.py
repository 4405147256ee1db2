"""Who talks to the caller: one agent after another, never two at a time."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ivr_bridge.bridge.account import CallAccount
from ivr_bridge.bridge.agent_to_caller import AgentToCaller
from ivr_bridge.bridge.caller_to_agent import CallerToAgent
from ivr_bridge.bridge.fallback import Cause, cause_of
from ivr_bridge.bridge.legs import AgentLeg
from ivr_bridge.bridge.parked_agents import ParkedAgent
from ivr_bridge.elevenlabs.conversation.events import AgentEvent, ConversationClosed
from ivr_bridge.errors import AgentError, AgentUnreachable, AudioFormatError
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log

WELL = 1000


@dataclass(frozen=True, slots=True)
class Ended:
    """The agent ended the conversation well."""


@dataclass(frozen=True, slots=True)
class Failed:
    """There is no agent, or none any more; `seated` whether there was one."""

    cause: Cause
    error: str
    seated: bool


@dataclass(frozen=True, slots=True)
class Relieved:
    """We let it go ourselves, for another one or for none."""


Outcome = Ended | Failed | Relieved


class AgentSeat:
    """The seat of one stream. `hold` seats an agent and returns when it is empty again.

    Args:
        hear: gets each event of the agent, in the moment it comes.
        seated: called once for each agent, when its audio chains are there.
        to_agent: the caller's voice.
        to_caller: the agent's.
        account: of the call.
        connect_s: how long an agent on its way is waited for.
        log: of the call.
    """

    __slots__ = (
        "_account", "_connect_s", "_hear", "_log", "_relieved", "_seated", "_task", "_to_agent", "_to_caller",
        "agent", "closed_itself", "expected",
    )  # fmt: skip

    def __init__(
        self,
        *,
        hear: Callable[[AgentEvent], None],
        seated: Callable[[AgentLeg], None],
        to_agent: CallerToAgent,
        to_caller: AgentToCaller,
        account: CallAccount,
        connect_s: float,
        log: Log,
    ) -> None:
        self._hear = hear
        self._seated = seated
        self._to_agent = to_agent
        self._to_caller = to_caller
        self._account = account
        self._connect_s = connect_s
        self._log = log
        self._task: asyncio.Task[None] | None = None
        """Which waits in `hold`."""
        self._relieved: Outcome | None = None
        self.agent: AgentLeg | None = None
        self.expected: ParkedAgent | None = None
        """On its way, claimed by nobody yet: whoever ends the stream discards it."""
        self.closed_itself = False
        """Whether the agent that is handed back closed by itself."""

    async def hold(self, coming: ParkedAgent) -> Outcome:
        """Wait for the agent, let it talk, and say why that is over. Its leg then is in `leave`."""
        self.expected = coming
        self._relieved = None
        task = self._task = asyncio.current_task()
        try:
            return await self._listen(coming)
        except asyncio.CancelledError:
            # Ours, by `relieve`, or somebody else's, who wants the whole task to end.
            relieved = self._relief()
            if relieved is None or task is None or task.uncancel() > 0:
                raise
            return relieved
        finally:
            self._task = None

    def _relief(self) -> Outcome | None:
        return self._relieved

    async def _listen(self, coming: ParkedAgent) -> Outcome:
        # As long as the conversation lasts, what is in a variable here stays: so nothing that was said is.
        welcomed = await self._welcome(coming)
        if isinstance(welcomed, Outcome):
            return welcomed
        welcomed.hear(self._enter)
        while (outcome := self._enter_all(await welcomed.receive())) is None:
            pass
        return outcome

    async def _welcome(self, coming: ParkedAgent) -> AgentLeg | Outcome:
        """Seat the agent and enter what it has said so far."""
        try:
            async with asyncio.timeout(self._connect_s):
                agent, said = await coming.claim()
            self._sit(agent)
        except TimeoutError:
            late = AgentUnreachable(f"no agent within {self._connect_s:g} s")
            self._log.emit(events.AGENT_UNREACHED, code=late.code, error=str(late), ms=self._connect_s * 1000)
            return Failed(cause_of(late), str(late), seated=False)
        except AudioFormatError as error:
            self._log.emit(events.AGENT_FAULTED, code=0, error_type=error.code, error=str(error))
            return Failed(cause_of(error), str(error), seated=False)
        except AgentError as error:
            return Failed(cause_of(error), str(error), seated=False)
        return self._enter_all(said) or agent

    def _enter_all(self, said: Sequence[AgentEvent]) -> Outcome | None:
        """None until it closed."""
        for event in said:
            if isinstance(event, ConversationClosed):
                return self._closed(event)
            self._enter(event)
        return None

    def _enter(self, event: AgentEvent) -> None:
        if self._relieved is None:  # else nothing more of it counts
            self._hear(event)

    def _sit(self, agent: AgentLeg) -> None:
        self.agent, self.expected = agent, None
        self.closed_itself = False
        account = self._account
        account.conversation_id = agent.conversation_id
        account.input_format, account.output_format = str(agent.input_format), str(agent.output_format)
        to_caller = self._to_caller.connect(agent.output_format)
        to_agent = self._to_agent.connect(agent)
        self._log.emit(events.AUDIO_CHAINED, caller_to_agent=to_agent, agent_to_caller=to_caller)
        self._seated(agent)

    def _closed(self, event: ConversationClosed) -> Outcome:
        self.closed_itself = True
        self._account.agent_close_code = event.close_code
        self._log.emit(events.AGENT_CLOSED, close_code=event.close_code, reason=event.reason, by="agent")
        if event.close_code == WELL:
            return Ended()
        return Failed(cause_of(event), f"closed with {event.close_code}: {event.reason}", seated=True)

    @property
    def present(self) -> AgentLeg | None:
        """Who sits and stays: one that is being relieved is told nothing any more."""
        return self.agent if self._relieved is None else None

    def relieve(self, outcome: Outcome) -> None:
        """Make `hold` return with this: the agent failed in a way that it does not know, or we want another one."""
        if self._task is not None and self._relieved is None:
            self._relieved = outcome
            self._task.cancel()

    def leave(self) -> AgentLeg | None:
        """Nobody sits here any more, and nothing more is heard; the leg that did, for closing."""
        agent, self.agent = self.agent, None
        self._to_agent.disconnect()
        if agent is not None:
            agent.hear(None)
            self._account.stale_audio += agent.stale_audio
        return agent
