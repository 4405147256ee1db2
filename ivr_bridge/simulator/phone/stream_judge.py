"""What a bridge may send on a Media Stream, to the key: anything else is a violation, as it is at Twilio (31951)."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any

_BASE64_TEXT = re.compile(rb"[A-Za-z0-9+/]{64,}={0,2}\Z")


@dataclass(frozen=True, slots=True)
class Media:
    """Audio to be played: raw mu-law, 8 kHz, any length from 1 byte up."""

    mulaw: bytes


@dataclass(frozen=True, slots=True)
class Mark:
    """A label behind the audio queued so far."""

    name: str


@dataclass(frozen=True, slots=True)
class Clear:
    """Forget what is queued."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A message that Twilio drops; `problem` begins with its error code."""

    problem: str


FromBridge = Media | Mark | Clear | Rejected


class _MalformedError(Exception):
    """One thing wrong with a message; never leaves this file."""


def judge(text: str, stream_sid: str) -> FromBridge:
    """Read one text message of the bridge; total: whatever comes gives a verdict.

    Args:
        text: one WebSocket text message.
        stream_sid: the sid given in this stream's `start`.

    Source: https://www.twilio.com/docs/api/errors/31951 (unknown, missing or extra fields, wrong streamSid)
    """
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return Rejected("31951 invalid message: not JSON")
    try:
        return _read(message, stream_sid)
    except _MalformedError as problem:
        return Rejected(f"31951 invalid message: {problem}")


def _read(message: Any, stream_sid: str) -> FromBridge:
    """The message as a value, or _MalformedError with the first thing wrong."""
    if not isinstance(message, dict):
        raise _MalformedError("not an object")
    event = message.get("event")
    if event not in ("media", "mark", "clear"):
        raise _MalformedError(f"event {str(event)[:40]!r} is none of media, mark, clear")
    keys = {"event", "streamSid"} | ({event} if event != "clear" else set())
    _require_keys(message, keys, event)
    if message["streamSid"] != stream_sid:
        raise _MalformedError(f"{event}: streamSid is not this stream's")
    match event:
        case "media":
            return Media(_payload(_body(message, "media", "payload")))
        case "mark":
            return Mark(_body(message, "mark", "name"))
        case _:
            return Clear()


def _require_keys(found: dict[str, Any], wanted: set[str], where: str) -> None:
    """Exactly these keys."""
    extra, missing = sorted(set(found) - wanted), sorted(wanted - set(found))
    if extra:
        raise _MalformedError(f"{where}: extra key {', '.join(map(repr, extra))}")
    if missing:
        raise _MalformedError(f"{where}: missing key {', '.join(map(repr, missing))}")


def _body(message: dict[str, Any], name: str, key: str) -> str:
    """The one text inside `media` or `mark`."""
    body = message[name]
    if not isinstance(body, dict):
        raise _MalformedError(f"{name}: not an object")
    _require_keys(body, {key}, f"{name}.{name}")
    if not isinstance(body[key], str) or not body[key]:
        raise _MalformedError(f"{name}.{key}: not a text, or empty")
    return str(body[key])


def _payload(text: str) -> bytes:
    """Raw mu-law; headers and base64 inside base64 are told from audio, because Twilio would play them as noise."""
    try:
        mulaw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _MalformedError("media.payload: bad base64") from None
    if mulaw[:4] in (b"RIFF", b".snd"):
        raise _MalformedError("media.payload: begins with a file header, not with audio")
    if _BASE64_TEXT.match(mulaw):
        raise _MalformedError("media.payload: base64 inside base64")
    return mulaw
