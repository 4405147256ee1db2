"""TwiML, read strictly: verbs in order, or why the call ends with an error."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

from ivr_bridge.simulator.phone.twiml_grammar import CHILDREN, MOST_NUMBERS, SSML, attribute_problem

MAX_TWIML_BYTES = 64 * 1024
MAX_PARAMETER_CHARS = 499
"""Name and value of one `<Parameter>` together."""

MAX_SAY_CHARS = 4096

_EMPTY_PROBLEMS = {
    "Say": "13520 <Say> without text",
    "Play": "13420 <Play> without url",
    "Dial": "13223 <Dial> without a number",
    "Number": "13223 <Number> without a number",
    "Sip": "13224 <Sip> without an address",
    "Conference": "13227 <Conference> without a name",
    "Redirect": "12200 <Redirect> without url",
}
_SIP = re.compile(r"sips?:[^\s@]+@[^\s?]+(\?\S*)?")


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

    `fatal` says why none of it is run, with Twilio's code: it cannot be read, or holds something that this network
    does not know. `problems` are all that is wrong with it, and what is only unwise.
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
    fatal = next((problem for problem in problems if problem[:5].isdecimal()), "")
    return TwimlDocument(url, text, () if fatal else response.children, tuple(problems), fatal)


def _read_element(element: ET.Element, problems: list[str]) -> Verb:
    """One element and what is in it; whatever the tables do not allow is noted and left out."""
    name = element.tag
    problems.extend(
        problem
        for attribute, value in sorted(element.attrib.items())
        if (problem := attribute_problem(name, attribute, value))
    )
    children = []
    for child in element:
        if child.tag not in CHILDREN.get(name, frozenset()):
            problems.append(f"12200 <{child.tag}> is not understood in <{name}>")
        elif child.tag not in SSML:
            children.append(_read_element(child, problems))
    verb = Verb(name, dict(element.attrib), " ".join("".join(element.itertext()).split()), tuple(children))
    problems.extend(_content_problems(verb))
    return verb


def _content_problems(verb: Verb) -> list[str]:
    """What is wrong inside one verb, its place apart."""
    if verb.name in _EMPTY_PROBLEMS and not verb.text and not verb.attributes.get("digits"):
        return [_EMPTY_PROBLEMS[verb.name]]
    get = verb.attributes.get
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
        case "Response" if "Reject" in names[1:]:
            return ["12200 <Reject> must be the first verb"]
        case "Start" if len(names) != 1:
            return ["12200 <Start> needs exactly one <Recording>"]
        case "Dial" if names:
            return _dial_problems(names)
        case "Sip" if not _SIP.fullmatch(verb.text):
            return [f"13224 {verb.text!r} is no SIP address"]
    return []


def _dial_problems(names: list[str]) -> list[str]:
    """What is wrong with what a `<Dial>` names."""
    if "Conference" in names and len(names) > 1:
        return ["12200 <Dial> takes one <Conference>, and nothing beside it"]
    if len(names) > MOST_NUMBERS:
        return [f"12200 <Dial> of more than {MOST_NUMBERS} numbers"]
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
