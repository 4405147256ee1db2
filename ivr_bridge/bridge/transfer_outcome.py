"""What came of putting a caller through, and what of it is told to the agent.                                  pure"""

from dataclasses import dataclass
from typing import Literal

from ivr_bridge.twilio.call_desk import IncomingCall

Outcome = Literal["answered", "busy", "no_answer", "failed", "canceled", "declined", "broken", "caller_gone", "unknown"]
"""`declined`: the person did not take the call; `broken`: they were hardly connected; `caller_gone`: the caller hung up
before; `unknown`: the call ended and nobody said how."""

BY_STATUS: dict[str, Outcome] = {
    "busy": "busy",
    "no-answer": "no_answer",
    "failed": "failed",
    "canceled": "canceled",
    "completed": "declined",
}
"""`CallStatus` of a person's call that is over before caller and person have met."""
_REACHED = frozenset({"completed", "answered"})
_WHY: dict[Outcome, str] = {
    "busy": "the line was busy",
    "no_answer": "nobody answered",
    "declined": "the person did not take the call",
    "broken": "the line broke at once",
}


@dataclass(frozen=True, slots=True)
class TransferOutcome:
    """How a transfer ended; `talked_s` is 0 when caller and person never heard each other."""

    outcome: Outcome
    talked_s: float = 0.0

    @property
    def reached(self) -> bool:
        """Whether caller and person were connected, however short."""
        return self.outcome in ("answered", "broken")

    @property
    def spoken(self) -> bool:
        """Whether they can be taken to have talked."""
        return self.outcome == "answered"

    @property
    def news(self) -> str:
        """What the agent is told when the caller comes back to it; in English for any agent."""
        if self.spoken:
            return "The caller has talked with a person meanwhile."
        why = _WHY.get(self.outcome, "the call could not be made")
        return f"The transfer to a person did not work: {why}."


def talked(talked_s: float, broken_s: float) -> TransferOutcome:
    """Of caller and person who were connected for `talked_s`; less than `broken_s` is no talk."""
    return TransferOutcome("broken" if talked_s < broken_s else "answered", talked_s)


def outcome_of_dial(call: IncomingCall, broken_s: float) -> TransferOutcome:
    """What the `action` request of a `<Dial>` says.

    Args:
        call: the request; `dial_status` is empty when the caller hung up and no more is known.
        broken_s: a connection that is shorter is broken; one of which no length is known is not.
    """
    if call.dial_status in _REACHED:
        if not call.dial_bridged:
            return TransferOutcome("declined")
        return (
            talked(call.dial_duration_s, broken_s) if call.dial_duration_s is not None else TransferOutcome("answered")
        )
    if call.status == "completed":
        return TransferOutcome("caller_gone")
    return TransferOutcome(BY_STATUS.get(call.dial_status, "failed"))
