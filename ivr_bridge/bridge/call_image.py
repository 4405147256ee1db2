"""What the store keeps of a call, so that any worker can say what comes next, and take the call over.       pure

It holds words and numbers of people, as the records do, but no digits that the flow calls sensitive: whoever takes a
call over goes on without them.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from ivr_bridge.bridge.call_state import CallState
from ivr_bridge.bridge.transcript import Line
from ivr_bridge.flows.model import DigitsNode, Flow, Language
from ivr_bridge.flows.moves import FlowState, TakeVoicemail, Transfer
from ivr_bridge.twilio.call_desk import IncomingCall

HIDDEN_FROM_DIGITS = 3
"""A number that is shorter may be anything where it stands among other words."""
_BETWEEN_DIGITS = r"[\s.,;:-]*"


@dataclass(frozen=True, slots=True)
class CallImage:
    """One call at one moment, as the worker that wrote it saw it."""

    worker: str
    """Who holds the call's conversation: not always who wrote this."""
    run: str
    """Of that worker's process: another one of the same name holds nothing of it."""
    revision: int
    """Counts what was written; of two images the higher one is newer."""
    state: CallState
    asked: IncomingCall
    flow: FlowState = field(repr=False)
    begun: datetime
    transcript: tuple[Line, ...] = field(default=(), repr=False)
    left_out: bool = False
    """Whether the transcript's beginning is forgotten."""
    transfer: Transfer | None = field(default=None, repr=False)
    """What the stream is left for, like `voicemail`, `said_on_leaving` and `vendors_twiml`."""
    voicemail: TakeVoicemail | None = None
    said_on_leaving: bool = False
    vendors_twiml: str | None = field(default=None, repr=False)
    news: str = ""
    """What the agent is to be told when its caller is back."""
    ended_as: str = ""
    """The code of the Termination of the last stream, or of the call when it is over."""
    reconnects: int = 0
    """Streams that were lost and made good so far."""
    rungs: Mapping[str, int] = field(default_factory=dict)
    """By flow, the number of the rung where its ladder stands."""
    agent_language: Language | None = None
    """What the conversation was ordered in."""
    conversation_id: str = ""
    streams: int = 0


_IMAGES = TypeAdapter(CallImage)


def written(image: CallImage) -> bytes:
    """As JSON."""
    return _IMAGES.dump_json(image, exclude_defaults=True)


def read(text: bytes) -> CallImage | None:
    """The image, or None when it is none that this version of ours can read: then nothing is known of the call."""
    try:
        return _IMAGES.validate_json(text)
    except ValidationError:
        return None


def sensitive_variables(flows: Iterable[Flow]) -> frozenset[str]:
    """The names of variables that hold digits which nobody may see."""
    return frozenset(
        node.variable
        for flow in flows
        for node in flow.nodes.values()
        if isinstance(node, DigitsNode) and node.sensitive
    )


def without_secrets(image: CallImage, sensitive: frozenset[str]) -> CallImage:
    """The same image without sensitive digits, wherever they stand, and without those that are being keyed in.

    Args:
        image: as it is.
        sensitive: names of variables.
    """
    known = image.flow.variables
    numbers = [value for name in sensitive if len(value := known.get(name, "")) >= HIDDEN_FROM_DIGITS]
    flow = replace(image.flow, digits="", due_at=None)
    if not any(name in known for name in sensitive):
        return replace(image, flow=flow)
    variables = {name: _hidden(value, numbers) for name, value in known.items() if name not in sensitive}
    lines = tuple((speaker, _hidden(text, numbers)) for speaker, text in image.transcript)
    transfer = image.transfer and replace(
        image.transfer,
        whisper=_hidden(image.transfer.whisper, numbers),
        headers={name: _hidden(value, numbers) for name, value in image.transfer.headers.items()},
    )
    return replace(image, flow=replace(flow, variables=variables), transcript=lines, transfer=transfer)


def _hidden(text: str, numbers: Iterable[str]) -> str:
    for number in numbers:
        text = re.sub(_BETWEEN_DIGITS.join(map(re.escape, number)), "*" * len(number), text)
    return text
