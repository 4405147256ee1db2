"""An agent that is down is not dialled: its callers go on to the next rung at once, and one of them probes it.

The library counts and tells the time; that only one call probes, and that a caller who hangs up while the agent is
dialled proves nothing, is ours. See docs/decisions/0012.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from circuitbreaker import CircuitBreaker  # type: ignore[import-untyped]

from ivr_bridge.bridge.fallback import Cause, cause_of
from ivr_bridge.errors import AgentRefused, AgentUnreachable, AudioFormatError
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log

FAILURES = 5
"""In a row, over all calls; then the agent is down."""
PROBE_AFTER_S = 15
"""Whole seconds, as the library counts them; after a probe that failed it waits as long again."""

T = TypeVar("T")


class _Agent:
    """What is known of one agent."""

    def __init__(self, key: str) -> None:
        self.breaker = CircuitBreaker(FAILURES, PROBE_AFTER_S, AgentUnreachable, name=key)
        self.probed = False
        self.down_since: float | None = None


class AgentBreakers:
    """One breaker for each agent that is dialled; of the server, shared by all calls.

    Args:
        log: of the server: an agent that is down is nobody's call.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._agents: dict[str, _Agent] = {}

    async def dial(self, key: str, dial: Callable[[], Awaitable[T]]) -> T:
        """What `dial` gives, unless the agent is known to be down.

        Only an agent that cannot be reached counts. One that refuses a call, or has no room for it, is there: that
        ends a row of failures. A cancelled dial changes nothing.

        Args:
            key: which agent, in the operator's words: its id, and its base URL where that is not the usual one.
            dial: opens one conversation.

        Raises:
            AgentUnreachable: the agent is down, or `dial` said so.
            AgentRefused: from `dial`, as everything else that it raises.
        """
        agent = self._agents.get(key)
        if agent is None:
            agent = self._agents[key] = _Agent(key)
        probe = self._admit(agent)
        try:
            return await self._told_of(key, agent, dial)
        finally:
            if probe:
                agent.probed = False

    def _admit(self, agent: _Agent) -> bool:
        """Whether this dial is the probe."""
        if agent.breaker.closed:
            return False
        if agent.breaker.opened:
            raise AgentUnreachable(f"the agent is down; next probe in {agent.breaker.open_remaining} s")
        if agent.probed:
            raise AgentUnreachable("the agent is down; another call is probing it")
        agent.probed = True
        return True

    async def _told_of(self, key: str, agent: _Agent, dial: Callable[[], Awaitable[T]]) -> T:
        try:
            leg = await dial()
        except AgentUnreachable as error:
            if cause_of(error) is Cause.UNREACHABLE:
                self._failed(key, agent, error)
            else:
                self._reached(key, agent)
            raise
        except (AgentRefused, AudioFormatError):
            self._reached(key, agent)
            raise
        self._reached(key, agent)
        return leg

    def _failed(self, key: str, agent: _Agent, error: AgentUnreachable) -> None:
        # The library takes all but a failure for a success, a cancelled dial too: it is told the outcome, afterwards.
        with suppress(AgentUnreachable), agent.breaker:
            raise error
        if agent.breaker.opened and agent.down_since is None:
            agent.down_since = asyncio.get_running_loop().time()
            self._log.emit(
                events.BREAKER_OPENED,
                agent_id=key,
                failures=agent.breaker.failure_count,
                probe_after_s=PROBE_AFTER_S,
            )

    def _reached(self, key: str, agent: _Agent) -> None:
        agent.breaker.reset()
        if agent.down_since is not None:
            down_s = asyncio.get_running_loop().time() - agent.down_since
            agent.down_since = None
            self._log.emit(events.BREAKER_CLOSED, agent_id=key, down_s=down_s)
