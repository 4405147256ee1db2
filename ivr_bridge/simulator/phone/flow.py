"""What follows a verb."""

from __future__ import annotations

from enum import Enum, auto

from ivr_bridge.simulator.phone.twiml_reader import TwimlDocument


class Flow(Enum):
    """What follows a verb, unless it is another document."""

    NEXT_VERB = auto()
    END = auto()


Outcome = TwimlDocument | Flow
