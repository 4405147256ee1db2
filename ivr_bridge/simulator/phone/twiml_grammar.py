"""The TwiML that this network can follow: which elements stand in which, their attributes and the values of these.

What is not in these tables ends the call with an error: nothing that a server asks for is left out in silence.

Source: https://www.twilio.com/docs/voice/twiml and the pages of its verbs
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

MOST_NUMBERS = 10
"""In one `<Dial>`."""

SSML: Final = frozenset({"break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub", "w"})
CHILDREN: Final[dict[str, frozenset[str]]] = {
    name: frozenset(words.split())
    for name, words in {
        "Response": "Connect Say Play Pause Hangup Dial Redirect Reject Gather Record Start",
        "Connect": "Stream",
        "Stream": "Parameter",
        "Dial": "Number Sip Conference",
        "Gather": "Say Play Pause",
        "Start": "Recording",
    }.items()
} | {"Say": SSML}

_CALLBACK = "statusCallback:url statusCallbackMethod:method"
_RECORDING = (
    "recordingStatusCallback:url recordingStatusCallbackMethod:method recordingStatusCallbackEvent:recording_events"
    " trim:trim"
)
_MACHINE = (
    "machineDetection:machine machineDetectionTimeout:whole machineDetectionSpeechThreshold:whole"
    " machineDetectionSpeechEndThreshold:whole machineDetectionSilenceTimeout:whole amdStatusCallback:url"
    " amdStatusCallbackMethod:method"
)
_CALLED = f"url:url method:method {_CALLBACK} statusCallbackEvent:call_events {_MACHINE}"
_TABLE = {
    "Response": "",
    "Connect": "action:url method:method",
    "Stream": f"url:text name:text track:text {_CALLBACK}",
    "Parameter": "name:text value:text",
    "Say": "voice:text language:text loop:whole",
    "Play": "loop:whole digits:keys",
    "Pause": "length:whole",
    "Hangup": "",
    "Dial": "action:url method:method timeout:whole timeLimit:whole callerId:text record:dial_record"
    " recordingTrack:track answerOnBridge:bool hangupOnStar:bool ringTone:text sequential:bool"
    f" referUrl:url referMethod:method {_RECORDING}",
    "Number": f"sendDigits:send_digits {_CALLED}",
    "Sip": f"username:text password:text {_CALLED}",
    "Conference": "muted:bool beep:beep startConferenceOnEnter:bool endConferenceOnExit:bool waitUrl:text"
    " waitMethod:method maxParticipants:whole record:conference_record region:text coach:text participantLabel:text"
    f" jitterBufferSize:jitter {_CALLBACK} statusCallbackEvent:conference_events {_RECORDING}",
    "Redirect": "method:method",
    "Reject": "reason:reject",
    "Gather": "input:input action:url method:method timeout:whole numDigits:whole finishOnKey:finish_keys"
    " actionOnEmptyResult:bool language:text",
    "Record": "action:url method:method timeout:whole finishOnKey:finish_keys maxLength:whole playBeep:bool"
    f" transcribe:bool transcribeCallback:url {_RECORDING}",
    "Start": "",
    "Recording": f"channels:channels track:track {_RECORDING}",
}
ATTRIBUTES: Final[dict[str, dict[str, str]]] = {
    name: dict(pair.split(":") for pair in words.split()) for name, words in _TABLE.items()
}
"""Element -> attribute -> the kind of its value."""

_WORDS = {
    "method": "GET POST",
    "bool": "true false",
    "reject": "rejected busy",
    "input": "dtmf",
    "trim": "trim-silence do-not-trim",
    "track": "inbound outbound both",
    "channels": "mono dual",
    "machine": "Enable DetectMessageEnd",
    "beep": "true false onEnter onExit",
    "jitter": "off small medium large",
    "conference_record": "do-not-record record-from-start true false",
    "dial_record": "do-not-record record-from-answer record-from-ringing record-from-answer-dual"
    " record-from-ringing-dual true false",
}
_EVENTS = {
    "call_events": frozenset(["initiated", "ringing", "answered", "completed"]),
    "conference_events": frozenset(["start", "end", "join", "leave", "mute", "hold", "modify", "announcement"]),
    "recording_events": frozenset(["in-progress", "completed", "absent"]),
}
_PATTERNS = {
    "whole": r"[0-9]+",
    "keys": r"[0-9*#wWA-Da-d]*",
    "send_digits": r"[0-9*#wWA-D]{1,32}",
    "finish_keys": r"[0-9*#]*",
    "url": r"\S+",
}
_SAID = {
    "whole": "a whole number",
    "keys": "keys (0-9 * # A-D and w)",
    "send_digits": "keys (at most 32 of 0-9 * # A-D w W)",
    "finish_keys": "keys (0-9 * #)",
    "url": "a URL",
}


def _fits(kind: str) -> Callable[[str], bool]:
    """Whether a value is of this kind."""
    if kind in _WORDS:
        return lambda value: value in _WORDS[kind].split()
    if kind in _EVENTS:
        return lambda value: bool(value.split()) and set(value.split()) <= _EVENTS[kind]
    if kind in _PATTERNS:
        return lambda value: re.fullmatch(_PATTERNS[kind], value) is not None
    return lambda _: True


_CHECKS = {kind: _fits(kind) for table in ATTRIBUTES.values() for kind in table.values()}


def attribute_problem(element: str, attribute: str, value: str) -> str:
    """Why the network cannot follow this attribute, with Twilio's code; empty when it can."""
    kind = ATTRIBUTES.get(element, {}).get(attribute)
    if kind is None:
        return f"12200 <{element}> has no attribute {attribute!r}"
    if _CHECKS[kind](value):
        return ""
    if kind == "input":
        return f"12200 <{element}> input {value!r}: this network hears keys only, not speech"
    allowed = _SAID.get(kind) or " ".join(sorted(_EVENTS.get(kind, ()))) or f"one of {_WORDS[kind]}"
    return f"12200 <{element}> {attribute} {value!r} is not {allowed}"
