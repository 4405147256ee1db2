"""Calls now running: admission, lookup by `call_sid`, and the one place where a call is over."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ivr_bridge.bridge.account import CallAccount
from ivr_bridge.bridge.agent_order import AgentOrder
from ivr_bridge.bridge.call import Call
from ivr_bridge.bridge.call_state import CallState, CallStep, after
from ivr_bridge.bridge.fallback import Ladder
from ivr_bridge.bridge.greeting_choice import AGENT_GREETS, Greeting
from ivr_bridge.bridge.ivr import Ivr
from ivr_bridge.bridge.journey import Journey
from ivr_bridge.bridge.termination import FAR_ENDS, LEAVINGS, Termination
from ivr_bridge.bridge.transcript import Transcript
from ivr_bridge.bridge.transfer_under_way import TransferUnderWay
from ivr_bridge.flows.model import Language
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log
from ivr_bridge.tools.context import CallInfo
from ivr_bridge.twilio.call_desk import ConnectStream, IncomingCall, Spoken

STREAM_DUE_S = 60.0
"""As long as a stream token can be used."""
NEXT_WORD_DUE_S = 10.0
"""After a stream, Twilio asks what follows or says that the call is completed; after this we stop waiting."""


@dataclass(frozen=True, slots=True)
class Holder:
    """One process that holds calls; `run` is another one in each process, also of the same name."""

    worker: str
    run: str


@dataclass(eq=False, slots=True)
class LiveCall:
    """One call of Twilio's, through all its streams."""

    asked: IncomingCall
    ivr: Ivr
    """The configuration of its first second."""
    journey: Journey
    ladders: dict[str, Ladder]
    """By flow: each is climbed once, from the first stream of the call to its last."""
    log: Log
    account: CallAccount
    greeting: Greeting = AGENT_GREETS
    order: AgentOrder = field(default_factory=AgentOrder)
    """By which its agent was dialled."""
    transcript: Transcript = field(default_factory=Transcript)
    answer: ConnectStream | None = None
    state: CallState = CallState.ADMITTED
    call: Call | None = None
    """The stream that lives now."""
    stream_termination: Termination | None = None
    """Why the last stream ended."""
    prompt_played: bool = False
    answering: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while `answer` is made: of two webhooks at once, the second gets the first one's."""
    transfer: TransferUnderWay | None = None
    """To a person, while the call is away for it."""
    reconnects: int = 0
    """Streams that were lost and made good."""
    elsewhere: Holder | None = None
    """The other worker that holds it, when it is a guest here (whereabouts.py)."""
    taken_over: bool = False
    """Whether another worker holds it by now."""
    revision: int = 0
    """Of its image in the store, as last written or read."""
    timer: asyncio.TimerHandle | None = None
    begun: datetime = field(default_factory=lambda: datetime.now(UTC))
    _gone: asyncio.Event | None = None
    """Made by the first who waits for the stream's end; most calls have nobody who does."""

    @property
    def call_sid(self) -> str:
        """Twilio's id."""
        return self.asked.call_sid

    def ladder(self) -> Ladder:
        """Of the flow where it stands."""
        name = self.journey.state.flow
        if name not in self.ladders:
            self.ladders[name] = Ladder(self.journey.flow.ladder)
        return self.ladders[name]

    @property
    def language(self) -> Language:
        """What it is spoken in now."""
        return self.journey.language

    def spoken(self, prompt: str) -> Spoken:
        """A prompt in the call's language, for a moment without a stream."""
        return self.ivr.spoken(prompt, self.language)

    @property
    def awaits_stream(self) -> bool:
        """Whether a stream was announced and has not come."""
        return self.state is CallState.ADMITTED

    def write_account(self, termination: Termination, now: float) -> None:
        """The last line of its log; `now` in monotonic seconds."""
        self.log.emit(events.CALL_ENDED, **self.account.fields(termination, now))

    def step(self, step: CallStep) -> None:
        """Move on; whatever was being waited for is not any more."""
        self.state = after(self.state, step)
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def admit_again(self) -> None:
        """Take it up anew after a stream: its token is used up, and why it ended counts no more."""
        self.step(CallStep.ADMITTED_AGAIN)
        self.answer = None
        self.stream_termination = None
        self.prompt_played = False
        self.journey.came_back()

    def let_stream_go(self) -> None:
        """Its stream is over, and whoever waits for that goes on."""
        self.call = None
        if self._gone is not None:
            self._gone.set()
            self._gone = None

    async def stream_gone(self) -> None:
        """Wait until no stream of it lives."""
        if self.call is not None:
            if self._gone is None:
                self._gone = asyncio.Event()
            await self._gone.wait()

    def info(self) -> CallInfo:
        """What a tool may know of it."""
        return CallInfo(
            call_sid=self.call_sid,
            caller=self.asked.caller,
            called=self.asked.called,
            started_at=self.begun.isoformat(timespec="seconds"),
            duration_s=round(asyncio.get_running_loop().time() - self.account.begun_at, 1),
            language=self.language,
            conversation_id=self.account.conversation_id or None,
        )

    def final(self, by_status: bool) -> Termination:
        """What the call's end is, now that Twilio said `by_status` that it is completed, or asked what follows."""
        ended = self.stream_termination
        if by_status and (
            ended is None or ended in FAR_ENDS or (ended in LEAVINGS and self.state is not CallState.AWAY)
        ):
            return Termination.CALLER_HUNG_UP
        return ended or Termination.STREAM_NEVER_CAME


class LiveCalls:
    """All calls of this process. The check for room and the taking of it are one step."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._calls: dict[str, LiveCall] = {}
        self._empty = asyncio.Event()
        self._empty.set()
        self.reserved = 0
        """Slots of calls that we are making: whoever rings is let in when they answer."""
        self.when_over: list[Callable[[LiveCall, Termination], None]] = []
        """Told of each call's end, before its account is written."""
        self.ended = 0
        """Calls that are over, since the start."""

    def __len__(self) -> int:
        return len(self._calls)

    def all(self) -> list[LiveCall]:
        """Those that are not over."""
        return list(self._calls.values())

    def find(self, call_sid: str) -> LiveCall | None:
        """The call, unless it is over or was never admitted."""
        return self._calls.get(call_sid)

    def admit(self, live: LiveCall) -> bool:
        """Take a slot for it; False when the house is full."""
        if len(self._calls) + self.reserved >= self._limit:
            return False
        self._calls[live.call_sid] = live
        self._empty.clear()
        return True

    def await_stream(self, live: LiveCall) -> None:
        """Its stream is due while its token can be used; after that its slot is free."""
        self._wait(live, STREAM_DUE_S, Termination.STREAM_NEVER_CAME)

    def await_next_word(self, live: LiveCall) -> None:
        """Its stream is over: Twilio's next word is due."""
        ended = live.stream_termination
        if ended is None or ended in FAR_ENDS or ended in LEAVINGS:
            ended = Termination.STREAM_UNEXPLAINED
        self._wait(live, NEXT_WORD_DUE_S, ended)

    def await_return(self, live: LiveCall, due_s: float) -> None:
        """It is with a person or at the recorder; whether it comes back is told by Twilio."""
        self._wait(live, due_s, live.stream_termination or Termination.STREAM_UNEXPLAINED)

    def _wait(self, live: LiveCall, due_s: float, otherwise: Termination) -> None:
        if live.elsewhere:
            return
        loop = asyncio.get_running_loop()
        if live.timer is not None:
            live.timer.cancel()
        live.timer = loop.call_later(due_s, self.end, live, otherwise)

    def end(self, live: LiveCall, termination: Termination) -> None:
        """The call is over: its slot is free, its account is written. Once; of a guest its holder does that."""
        if live.state is CallState.OVER:
            return
        live.step(CallStep.ENDED)
        if live.elsewhere:
            live.stream_termination = termination
            return
        for tell in self.when_over:
            tell(live, termination)
        if live.transfer is not None:
            live.transfer.ended_elsewhere() if live.taken_over else live.transfer.call_over()
            live.transfer = None
        self._calls.pop(live.call_sid, None)
        self.ended += 1
        if not self._calls:
            self._empty.set()
        live.write_account(termination, asyncio.get_running_loop().time())

    async def all_over(self) -> None:
        """Wait until no call is left."""
        await self._empty.wait()
