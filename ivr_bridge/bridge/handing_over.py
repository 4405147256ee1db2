"""What Twilio is told when a flow leaves its stream, or goes on where there is none."""

from collections.abc import Callable, Sequence

from ivr_bridge.bridge.journey import Journey
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.flows.moves import (
    Action,
    CloseMenu,
    MuteCaller,
    Play,
    SetLanguage,
    StopPlaying,
    TakeVoicemail,
    Transfer,
)
from ivr_bridge.flows.moves import HangUp as FlowHangUp
from ivr_bridge.twilio.call_desk import (
    Answer,
    DialNumber,
    HangUp,
    JoinRoom,
    RecordMessage,
    SayAndHangUp,
    Spoken,
    VendorsTwiml,
)

THANKS = "goodbye"
"""Said when nothing was recorded."""

TERMINATIONS: dict[type[Answer], Termination] = {
    DialNumber: Termination.TRANSFERRED,
    JoinRoom: Termination.TRANSFERRED,
    RecordMessage: Termination.VOICEMAIL_LEFT,
    VendorsTwiml: Termination.VENDOR_TOOK_OVER,
    HangUp: Termination.FLOW_ENDED,
    SayAndHangUp: Termination.FLOW_ENDED,
}
"""How a call ends that ends there."""

_NAMES: dict[type[Answer], str] = {
    DialNumber: "person",
    JoinRoom: "person",
    RecordMessage: "voicemail",
    VendorsTwiml: "vendor",
    HangUp: "end",
    SayAndHangUp: "end",
}
_UNHEARD = (StopPlaying, CloseMenu, MuteCaller, SetLanguage)


def name(answer: Answer) -> str:
    """Where Twilio goes on, for the log."""
    return _NAMES[type(answer)]


def leave(journey: Journey, spoken: Callable[[str], Spoken]) -> Answer:
    """The answer for what the stream was left for.

    Args:
        journey: it has left.
        spoken: a prompt's words, for Twilio's own voice.
    """
    if journey.vendors_twiml is not None:
        return VendorsTwiml(journey.vendors_twiml)
    match journey.leaving:
        case Transfer() as transfer:
            return _dial(transfer, None)
        case TakeVoicemail(prompt, max_s):
            return RecordMessage(None if journey.said_on_leaving else spoken(prompt), spoken(THANKS), max_s)
        case None:
            return HangUp()


def without_stream(journey: Journey, actions: Sequence[Action], spoken: Callable[[str], Spoken]) -> Answer | None:
    """The answer to what the flow wants, if it can be done without a stream: saying something and then leaving.

    Returns:
        None when only a stream will do.
    """
    words: list[str] = []
    for action in actions:
        match action:
            case Play(prompts, then_report=False):
                words += [prompt for prompt, _ in prompts]
            case Transfer():
                journey.leaving = action
                return _dial(action, _joined(words, spoken))
            case TakeVoicemail(record="twilio"):
                journey.leaving = action
                return RecordMessage(_joined([*words, action.prompt], spoken), spoken(THANKS), action.max_s)
            case FlowHangUp(why):
                if why == "no_way_out":
                    words.append("sorry")
                said = _joined(words, spoken)
                return HangUp() if said is None else SayAndHangUp(said)
            case _ if isinstance(action, _UNHEARD):
                continue
            case _:
                return None
    return None


def _dial(transfer: Transfer, spoken: Spoken | None) -> DialNumber:
    return DialNumber(transfer.number, spoken, transfer.ring_s, transfer.caller_id, transfer.headers, transfer.limit_s)


def _joined(words: Sequence[str], spoken: Callable[[str], Spoken]) -> Spoken | None:
    said = [spoken(prompt) for prompt in words]
    if not said:
        return None
    urls = tuple(url for part in said for url in part.audio_urls) if all(part.audio_urls for part in said) else ()
    return Spoken(" ".join(part.text for part in said), said[0].language, urls)
