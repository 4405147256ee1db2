"""TwiML, read strictly: the verbs this network can follow, in order, and what Twilio would complain about."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass

MAX_TWIML_BYTES = 64 * 1024
MAX_PARAMETER_CHARS = 499
"""Name and value of one `<Parameter>` together."""

MAX_SAY_CHARS = 4096

_DIAL_NOUNS = frozenset({"Number", "Sip", "Client", "Conference", "Queue"})
_SSML = frozenset({"break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub", "w"})
_CHILDREN: dict[str, frozenset[str]] = {
    "Response": frozenset(
        {"Connect", "Say", "Play", "Pause", "Hangup", "Dial", "Redirect", "Reject", "Gather", "Record"}
    ),
    "Connect": frozenset({"Stream"}),
    "Stream": frozenset({"Parameter"}),
    "Say": _SSML,
    "Dial": _DIAL_NOUNS,
    "Gather": frozenset({"Say", "Play", "Pause"}),
}
_RECORDING = "recordingStatusCallback recordingStatusCallbackMethod recordingStatusCallbackEvent trim"
_ATTRIBUTES: dict[str, frozenset[str]] = {
    name: frozenset(words.split())
    for name, words in {
        "Response": "",
        "Connect": "action method",
        "Stream": "url name track statusCallback statusCallbackMethod",
        "Parameter": "name value",
        "Say": "voice language loop",
        "Play": "loop digits",
        "Pause": "length",
        "Hangup": "",
        "Dial": "action method timeout timeLimit callerId record recordingTrack answerOnBridge hangupOnStar ringTone "
        f"sequential referUrl referMethod {_RECORDING}",
        "Redirect": "method",
        "Reject": "reason",
        "Gather": "input action method timeout speechTimeout maxSpeechTime numDigits finishOnKey language hints "
        "bargeIn actionOnEmptyResult partialResultCallback partialResultCallbackMethod profanityFilter speechModel "
        "enhanced",
        "Record": f"action method timeout finishOnKey maxLength playBeep transcribe transcribeCallback {_RECORDING}",
    }.items()
}
_WHOLE_NUMBERS = {
    "Say": ("loop",),
    "Play": ("loop",),
    "Pause": ("length",),
    "Dial": ("timeout", "timeLimit"),
    "Gather": ("timeout", "numDigits"),
    "Record": ("timeout", "maxLength"),
}
_EMPTY_PROBLEMS = {
    "Say": "13520 <Say> without text",
    "Play": "13420 <Play> without url",
    "Dial": "13223 <Dial> without a number",
    "Redirect": "12200 <Redirect> without url",
}


@dataclass(frozen=True, slots=True)
class Verb:
    """One element: `text` is what stands in it, tags of speech markup removed."""

    name: str
    attributes: dict[str, str]
    text: str
    children: tuple[Verb, ...] = ()


@dataclass(frozen=True, slots=True)
class TwimlDocument:
    """What a webhook answered, at the URL that it was asked at (as the network knows it).

    `fatal` says why Twilio would run none of it (its application-error message follows); `problems` what it would warn
    about while running the rest.
    """

    url: str
    text: str
    verbs: tuple[Verb, ...] = ()
    problems: tuple[str, ...] = ()
    fatal: str = ""


def read_twiml(body: bytes, content_type: str, url: str) -> TwimlDocument:
    """Read a document; total, every fault is in the answer.

    Args:
        body: the HTTP answer's body, at most 64 kB.
        content_type: its media type without parameters, `text/xml` or `application/xml`.
        url: where it came from, for its relative URLs.

    Source: https://www.twilio.com/docs/voice/twiml and error pages 12100, 12200, 12300
    """
    text = body.decode("utf-8", "replace")
    if content_type not in ("text/xml", "application/xml"):
        return TwimlDocument(url, text, fatal=f"12300 invalid Content-Type {content_type!r}")
    if len(body) > MAX_TWIML_BYTES:
        return TwimlDocument(url, text[:200], fatal=f"11750 TwiML of {len(body)} bytes is too large")
    try:
        root = ET.fromstring(body)  # noqa: S314 - from the server under test, at most 64 kB
    except ET.ParseError as error:
        return TwimlDocument(url, text, fatal=f"12100 document parse failure: {error}")
    if root.tag != "Response":
        return TwimlDocument(url, text, fatal=f"12100 the root is <{root.tag}>, not <Response>")
    problems: list[str] = []
    response = _read_element(root, problems)
    return TwimlDocument(url, text, response.children, tuple(problems))


def _read_element(element: ET.Element, problems: list[str]) -> Verb:
    """One element and what is in it; whatever the table does not allow is noted and left out."""
    name = element.tag
    extra = sorted(set(element.attrib) - _ATTRIBUTES.get(name, frozenset(element.attrib)))
    problems.extend(f"12200 <{name}> has no attribute {attribute!r}" for attribute in extra)
    children = []
    for child in element:
        if child.tag not in _CHILDREN.get(name, frozenset()):
            problems.append(f"12200 <{child.tag}> is not understood in <{name}>")
        elif child.tag not in _SSML:
            children.append(_read_element(child, problems))
    verb = Verb(name, dict(element.attrib), " ".join("".join(element.itertext()).split()), tuple(children))
    problems.extend(_content_problems(verb))
    return verb


def _content_problems(verb: Verb) -> list[str]:
    """What is wrong inside one verb, its place apart."""
    if verb.name in _EMPTY_PROBLEMS and not verb.text and not verb.attributes.get("digits"):
        return [_EMPTY_PROBLEMS[verb.name]]
    get = verb.attributes.get
    if unread := [name for name in _WHOLE_NUMBERS.get(verb.name, ()) if not get(name, "1").isdecimal()]:
        return [f"12200 <{verb.name}> {name} {get(name)!r} is no whole number" for name in unread]
    names = [child.name for child in verb.children]
    match verb.name:
        case "Response" if "Connect" in names and "Pause" in names[names.index("Connect") :]:
            return ["<Pause> after <Connect>: the caller hears dead air"]
        case "Connect" if len(names) != 1:
            return ["12200 <Connect> needs exactly one <Stream>"]
        case "Stream":
            return _stream_problems(verb)
        case "Parameter" if not get("name") or "value" not in verb.attributes:
            return ["12200 <Parameter> needs name and value"]
        case "Parameter" if len(get("name", "") + get("value", "")) > MAX_PARAMETER_CHARS:
            return [f"12200 <Parameter {get('name')}>: name and value together must be under 500 characters"]
        case "Say" if len(verb.text) > MAX_SAY_CHARS:
            return [f"13520 <Say> of more than {MAX_SAY_CHARS} characters"]
        case "Reject" if get("reason", "rejected") not in ("rejected", "busy"):
            return [f"12200 <Reject> reason {get('reason')!r} is neither rejected nor busy"]
    return []


def _stream_problems(stream: Verb) -> list[str]:
    """What is wrong with a `<Stream>`."""
    problems = []
    track = stream.attributes.get("track", "inbound_track")
    callback = stream.attributes.get("statusCallback", "https://")
    if not stream.attributes.get("url"):
        problems.append("31923 <Stream> without url")
    if track != "inbound_track":
        problems.append(f"31941 track {track!r} is not allowed in <Connect>")
    if "://" not in callback:
        problems.append("12200 statusCallback of <Stream> must be an absolute URL")
    return problems
