"""What a call is in, from its webhook to its end.                                                   pure

A call is ADMITTED when its webhook was answered with a stream and its token can still be used; STREAMING while a
stream of it lives; AWAITED after the stream, until Twilio has said or asked what comes next; OVER when its slot is
free. AWAY means that it is with a person or at the recorder, and may come back for another stream. A webhook that comes
again while it is AWAITED admits it afresh. Whatever is not in the table is a bug of ours.
"""

from enum import Enum

from ivr_bridge.errors import LocalProtocolError


class CallState(Enum):
    """Where a call stands."""

    ADMITTED = "admitted"
    STREAMING = "streaming"
    AWAITED = "awaited"
    AWAY = "away"
    OVER = "over"


class CallStep(Enum):
    """What moves it on."""

    STREAM_STARTED = "stream started"
    STREAM_ENDED = "stream ended"
    ADMITTED_AGAIN = "admitted again"
    HANDED_OVER = "handed over"
    ENDED = "ended"


TRANSITIONS: dict[tuple[CallState, CallStep], CallState] = {
    (CallState.ADMITTED, CallStep.STREAM_STARTED): CallState.STREAMING,
    (CallState.ADMITTED, CallStep.ENDED): CallState.OVER,
    (CallState.STREAMING, CallStep.STREAM_ENDED): CallState.AWAITED,
    (CallState.AWAITED, CallStep.ADMITTED_AGAIN): CallState.ADMITTED,
    (CallState.AWAITED, CallStep.HANDED_OVER): CallState.AWAY,
    (CallState.AWAITED, CallStep.ENDED): CallState.OVER,
    (CallState.AWAY, CallStep.ADMITTED_AGAIN): CallState.ADMITTED,
    (CallState.AWAY, CallStep.ENDED): CallState.OVER,
}


def after(state: CallState, step: CallStep) -> CallState:
    """The state that follows; LocalProtocolError when the table has none."""
    try:
        return TRANSITIONS[state, step]
    except KeyError:
        raise LocalProtocolError(f"a call that is {state.value} cannot be: {step.value}") from None


def diagram() -> str:
    """The table as a Mermaid state diagram, for docs/architecture.md."""
    arrows = (f"    {a.name} --> {b.name}: {step.value}" for (a, step), b in TRANSITIONS.items())
    return "\n".join(["stateDiagram-v2", "    [*] --> ADMITTED: voice webhook", *arrows, "    OVER --> [*]"])
