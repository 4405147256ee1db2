"""A message as it is delivered: a form of two parts, and its signature.                                     pure

    message   application/json  id, call_sid, caller, called, recorded_at, duration_s, recording_url
    audio     audio/wav         the sound, mu-law at 8 kHz; not there when this machine has none

The header `Ivr-Bridge-Signature: t=SECONDS,v1=HEX` holds the HMAC-SHA256 of `SECONDS.` and the whole body, made with
the secret that both sides know; `Idempotency-Key` is the message's id, for it may come more than once.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

SIGNATURE_HEADER = "Ivr-Bridge-Signature"
_TOLD = ("id", "call_sid", "caller", "called", "recorded_at", "duration_s", "recording_url")


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is sent."""

    content_type: str
    body: bytes = field(repr=False)


def delivery(row: Mapping[str, Any], wav: bytes | None) -> Delivery:
    """The form of one message.

    Args:
        row: of `voicemails`.
        wav: the whole file, if it is here.
    """
    told = {name: _text(row.get(name)) for name in _TOLD}
    message = orjson.dumps(told)
    parts = [_part('name="message"', "application/json", message)]
    if wav is not None:
        parts.append(_part(f'name="audio"; filename="{row["id"]}.wav"', "audio/wav", wav))
    whole = hashlib.sha256(b"".join(parts)).hexdigest()  # no text holds its own hash
    boundary = f"message-{whole}"
    body = b"".join(b"--%s\r\n%s\r\n" % (boundary.encode(), part) for part in parts)
    return Delivery(f"multipart/form-data; boundary={boundary}", body + b"--%s--\r\n" % boundary.encode())


def signature(secret: str, at_s: int, body: bytes) -> str:
    """The value of the header; `at_s` is the wall clock's, seconds since 1970."""
    signed = hmac.new(secret.encode(), b"%d." % at_s + body, hashlib.sha256)
    return f"t={at_s},v1={signed.hexdigest()}"


def _part(disposition: str, content_type: str, content: bytes) -> bytes:
    head = f"Content-Disposition: form-data; {disposition}\r\nContent-Type: {content_type}\r\n\r\n"
    return head.encode() + content


def _text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
