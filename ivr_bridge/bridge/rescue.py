"""When the agent fails: the rungs of the flow's ladder, one after the other, until the caller is looked after."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ivr_bridge.bridge.agent_order import AgentOrder
from ivr_bridge.bridge.agent_seat import Failed
from ivr_bridge.bridge.fallback import Cause, Ladder
from ivr_bridge.bridge.filler import Filler
from ivr_bridge.bridge.parked_agents import ParkedAgent
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.errors import VendorError
from ivr_bridge.flows.model import NodeRung, RegisterCallRung, RetryRung, SecondAgentRung
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log

TERMINATIONS = {
    Cause.UNREACHABLE: Termination.AGENT_UNREACHABLE,
    Cause.REFUSED: Termination.AGENT_REFUSED,
    Cause.QUOTA: Termination.AGENT_REFUSED,
    Cause.CONCURRENCY: Termination.AGENT_UNREACHABLE,
    Cause.LOST: Termination.AGENT_LOST,
    Cause.SILENT: Termination.AGENT_SILENT,
    Cause.FLOODED: Termination.AGENT_FLOODED,
    Cause.AUDIO_FORMAT: Termination.AUDIO_FORMAT,
}
"""How a call ends for which nothing but an apology is left."""


@dataclass(frozen=True, slots=True)
class RescueNeeds:
    """What the ladder's rungs are made of."""

    dial: Callable[[AgentOrder], ParkedAgent]
    register: Callable[[AgentOrder], Awaitable[str]]
    """The vendor's own route: TwiML. Raises VendorError."""
    go_to: Callable[[str], None]
    """The flow goes on at this node, without an agent."""
    leave_for_vendor: Callable[[str], None]
    """Twilio goes on with the vendor's TwiML."""
    end: Callable[[Termination], None]
    filler: Filler
    clock: Callable[[], float]
    log: Log


class Rescue:
    """The ladder of one call's flow, and how far it was climbed.

    Args:
        ladder: of the flow where the call stands; it is climbed upward only.
        needs: see there.
    """

    def __init__(self, ladder: Callable[[], Ladder], needs: RescueNeeds) -> None:
        self._ladder = ladder
        self._needs = needs
        self._trying = ""
        """The rung whose agent has not been heard yet."""
        self.unanswered: Failed | None = None
        """A failure that nobody has noticed, since the agent did not have the floor."""

    def note(self, failed: Failed) -> None:
        """Tell the operator of a fault that every call will have until it is mended."""
        if failed.cause.misconfigured:
            self._needs.log.emit(events.AGENT_MISCONFIGURED, cause=failed.cause.code, error=failed.error)

    async def climb(self, failed: Failed, order: AgentOrder) -> ParkedAgent | None:
        """Do what the next rungs say until one holds.

        Returns:
            An agent on its way; None when the call goes on without one, or ends.
        """
        needs = self._needs
        self.unanswered = None
        needs.filler.begin(needs.clock(), "failure")
        while True:
            now = needs.clock()
            ladder = self._ladder()
            rung = ladder.fail(failed.cause, now)
            needs.log.emit(
                events.RUNG_CLIMBED,
                rung=rung.kind,
                cause=failed.cause.code,
                step=ladder.number,
                ms_since_failure=ladder.since_failure_ms(now),
            )
            self._trying = rung.kind
            match rung:
                case RetryRung():
                    return needs.dial(order)
                case SecondAgentRung():
                    return needs.dial(order.instead(rung))
                case RegisterCallRung():
                    try:
                        needs.leave_for_vendor(await needs.register(order))
                    except VendorError as error:
                        needs.log.emit(events.AGENT_FAULTED, code=error.status, error_type=error.code, error=str(error))
                        continue
                case NodeRung(node=node):
                    needs.go_to(node)
                case _:
                    needs.end(TERMINATIONS[failed.cause])
            return None

    def heard(self) -> None:
        """The agent of a rung spoke: the trouble is over."""
        if self._trying:
            rung, self._trying = self._trying, ""
            ms = self._ladder().recovered(self._needs.clock())
            self._needs.log.emit(events.AGENT_RECOVERED, rung=rung, ms_since_failure=ms)
