"""What all conversations of a sandbox share, and how one ends."""

from dataclasses import dataclass

from ivr_bridge.simulator.service.faults import FaultPlan
from ivr_bridge.simulator.service.hearing import Hearing
from ivr_bridge.simulator.service.messages import QUOTA
from ivr_bridge.simulator.service.mouth import Mouth
from ivr_bridge.simulator.service.transcripts import GivenTranscripts


@dataclass(frozen=True, slots=True)
class Pace:
    """The times of a conversation."""

    ping_s: float = 2.0
    receive_timeout_s: float = 60.0
    """Without anything but pongs for so long: 1002 transport_receive_timeout."""
    tool_timeout_s: float = 20.0
    piece_ms: int = 200
    speed: float = 3.0
    """How much faster than real time audio is sent."""
    slow_s: float = 3.0
    """How late the first reply is by the fault slow."""
    slower_s: float = 5.0
    """How late every reply is by the fault slower."""
    analysis_s: float = 0.2
    """How long a conversation is `processing` after its end; then the post-call webhook goes out."""
    speech_idle_s: float = 20.0
    """Without a message for so long a speech socket, or a context of one, is closed."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The agents' mouth and ears, what goes wrong."""

    mouth: Mouth
    hearing: Hearing
    plan: FaultPlan
    pace: Pace
    given: GivenTranscripts | None = None
    """What is understood instead of what the ears hear."""
    records: bool = False
    """Whether conversations are recorded."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a conversation ends; `error_type` names the error event sent before, if any; code 0: the client went."""

    code: int
    reason: str = ""
    error_type: str = ""


BROKEN: dict[str, Ending] = {
    "close_1002": Ending(1002, "LLM took too long", "llm_timeout"),
    "close_1008": Ending(1008, "Value is not allowed", "value_error"),
    "close_1011": Ending(1011, "Internal error", "unknown_websocket_crash"),
    "quota": Ending(1002, "This request exceeds your quota limit.", QUOTA),
}
"""Fault -> how it closes."""
