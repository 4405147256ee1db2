"""Agents dialled before their stream arrived: bounded in number and time, never forgotten.

The voice webhook was signed, so it may spend; the stream's token is what claims what it bought.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from ivr_bridge.bridge.legs import AgentLeg
from ivr_bridge.elevenlabs.conversation.events import AgentAudio, AgentEvent, ConversationClosed
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log

PARKED_S = 20.0
"""A stream comes within a second; one that has not come by then is not coming for this agent."""
KEPT_AUDIO_CHARS = 4 * 1024 * 1024

Dial = Callable[[], Awaitable[AgentLeg]]


class ParkedAgent:
    """One agent on its way to a stream. Made in the webhook, claimed once or discarded."""

    __slots__ = (
        "_clock", "_dialled_at", "_dialling", "_kept_chars", "_leg", "_listening", "_log", "_opened_at", "_said",
    )  # fmt: skip

    def __init__(self, dial: Dial, log: Log) -> None:
        loop = asyncio.get_running_loop()
        self._clock = loop.time
        self._dialled_at = self._clock()
        self._opened_at: float | None = None
        self._log = log
        self._said: list[AgentEvent] = []
        self._kept_chars = 0
        self._leg: AgentLeg | None = None
        self._dialling = loop.create_task(self._open(dial))
        self._listening: asyncio.Task[None] | None = None

    @property
    def failed(self) -> bool:
        """Whether it is known already that there will be no agent."""
        done = self._dialling.done() and not self._dialling.cancelled()
        return done and self._dialling.exception() is not None

    async def _open(self, dial: Dial) -> AgentLeg:
        leg = await dial()
        self._leg = leg
        self._opened_at = self._clock()
        self._listening = asyncio.get_running_loop().create_task(self._listen(leg))
        return leg

    async def _listen(self, leg: AgentLeg) -> None:
        """Keep what it says (its greeting) until somebody claims it; pings are answered meanwhile."""
        while True:
            for event in await leg.receive():
                if isinstance(event, AgentAudio):
                    self._kept_chars += len(event.payload)
                    if self._kept_chars > KEPT_AUDIO_CHARS:
                        continue
                self._said.append(event)
                if isinstance(event, ConversationClosed):
                    return

    async def claim(self) -> tuple[AgentLeg, Sequence[AgentEvent]]:
        """The agent's leg and all it has said so far; from now on the caller of this reads it.

        Raises:
            AgentError: it could not be opened.
        """
        leg = await asyncio.shield(self._dialling)
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])
            self._listening = None
        self._leg = None
        said, self._said = self._said, []
        return leg, said

    async def discard(self, reason: str) -> None:
        """Close it, claimed by nobody; says what it cost. Safe at any time, more than once."""
        if not self._dialling.done():
            self._dialling.cancel()
        for task in (self._dialling, self._listening):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        if self._dialling.done() and not self._dialling.cancelled():
            self._dialling.exception()
        leg, self._leg = self._leg, None
        if leg is None:
            return
        open_ms = (self._clock() - (self._opened_at or self._dialled_at)) * 1000
        self._log.emit(events.AGENT_UNCLAIMED, conversation_id=leg.conversation_id, open_ms=open_ms, reason=reason)
        await leg.close("nobody came")


class ParkedAgents:
    """All agents parked now, at most `limit`; each for at most `PARKED_S`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parked: dict[str, tuple[ParkedAgent, asyncio.TimerHandle]] = {}
        self._discards: set[asyncio.Task[None]] = set()
        self.unclaimed = 0
        """How many were dialled for nothing since the start."""

    def __len__(self) -> int:
        return len(self._parked)

    def park(self, call_sid: str, dial: Dial, log: Log) -> bool:
        """Start dialling for `call_sid`; False when the car park is full (the stream will dial for itself)."""
        if len(self._parked) >= self._limit or call_sid in self._parked:
            return False
        agent = ParkedAgent(dial, log)
        expiry = asyncio.get_running_loop().call_later(PARKED_S, self.discard, call_sid, "expired")
        self._parked[call_sid] = (agent, expiry)
        return True

    def claim(self, call_sid: str) -> ParkedAgent | None:
        """Take the agent of this call out, if one is parked."""
        entry = self._parked.pop(call_sid, None)
        if entry is None:
            return None
        agent, expiry = entry
        expiry.cancel()
        return agent

    def discard(self, call_sid: str, reason: str) -> None:
        """Nobody comes for this one: close it in the background."""
        if (agent := self.claim(call_sid)) is None:
            return
        self.unclaimed += 1
        task = asyncio.get_running_loop().create_task(agent.discard(reason))
        self._discards.add(task)
        task.add_done_callback(self._discards.discard)

    async def close(self) -> None:
        """Discard them all and wait for it."""
        for call_sid in list(self._parked):
            self.discard(call_sid, "shutdown")
        if self._discards:
            await asyncio.wait(set(self._discards))
