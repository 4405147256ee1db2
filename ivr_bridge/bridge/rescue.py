"""When the agent fails: the rungs of the flow's ladder, one after the other, until the caller is looked after."""

from ivr_bridge.bridge.agent_order import AgentOrder
from ivr_bridge.bridge.agent_seat import Failed
from ivr_bridge.bridge.call_parts import CallParts
from ivr_bridge.bridge.fallback import Cause
from ivr_bridge.bridge.parked_agents import ParkedAgent
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.errors import VendorError
from ivr_bridge.flows.model import NodeRung, RegisterCallRung, RetryRung, SecondAgentRung
from ivr_bridge.telemetry import events

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


class Rescue:
    """Climbs the ladder of the flow where the call stands, upward only."""

    __slots__ = ("_parts", "_trying", "unanswered")

    def __init__(self, parts: CallParts) -> None:
        self._parts = parts
        self._trying = ""
        """The rung whose agent has not been heard yet."""
        self.unanswered: Failed | None = None
        """A failure that nobody has noticed, since the agent did not have the floor."""

    def note(self, failed: Failed) -> None:
        """Tell the operator of a fault that every call will have until it is mended."""
        if failed.cause.misconfigured:
            self._parts.log.emit(events.AGENT_MISCONFIGURED, cause=failed.cause.code, error=failed.error)

    async def climb(self, failed: Failed, order: AgentOrder) -> ParkedAgent | None:
        """Do what the next rungs say until one holds.

        Returns:
            An agent on its way; None when the call goes on without one, or ends.
        """
        parts = self._parts
        self.unanswered = None
        parts.filler.begin(parts.clock(), "failure")
        while True:
            now = parts.clock()
            ladder = parts.desk.ladder()
            rung = ladder.fail(failed.cause, now)
            parts.log.emit(
                events.RUNG_CLIMBED,
                rung=rung.kind,
                cause=failed.cause.code,
                step=ladder.number,
                ms_since_failure=ladder.since_failure_ms(now),
            )
            self._trying = rung.kind
            match rung:
                case RetryRung():
                    return parts.desk.dial(order)
                case SecondAgentRung():
                    return parts.desk.dial(order.instead(rung))
                case RegisterCallRung():
                    try:
                        parts.journey.vendors_twiml = await parts.desk.register(order)
                    except VendorError as error:
                        parts.log.emit(events.AGENT_FAULTED, code=error.status, error_type=error.code, error=str(error))
                        continue
                    parts.call.end(Termination.VENDOR_TOOK_OVER)
                case NodeRung(node=node):
                    parts.agent_side.go_on_without(node)
                case _:
                    parts.call.end(TERMINATIONS[failed.cause])
            return None

    def heard(self) -> None:
        """The agent of a rung spoke: the trouble is over."""
        if self._trying:
            rung, self._trying = self._trying, ""
            ms = self._parts.desk.ladder().recovered(self._parts.clock())
            self._parts.log.emit(events.AGENT_RECOVERED, rung=rung, ms_since_failure=ms)
