"""Webhooks as the vendor sends them, signed by a hand of the tests' own."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

SECRET = "wsec_0123456789abcdef0123456789abcdef"


def signed(body: bytes, secret: str = SECRET, *, at: float | None = None) -> str:
    """The header `ElevenLabs-Signature`; `at` is Unix time, now unless given."""
    moment = int(time.time() if at is None else at)
    code = hmac.new(secret.encode(), str(moment).encode() + b"." + body, hashlib.sha256)
    return f"t={moment},v0={code.hexdigest()}"


def webhook(kind: str = "post_call_transcription", **data: Any) -> bytes:
    """A body; `data` beside what every webhook about a conversation has."""
    told = {"agent_id": "agent_1", "conversation_id": "conv_1", **data}
    return json.dumps({"type": kind, "event_timestamp": 1_770_000_000, "data": told}).encode()


def transcription(**data: Any) -> bytes:
    """A conversation that is over."""
    return webhook(
        **{
            "status": "done",
            "metadata": {"call_duration_secs": 61, "cost": 296, "start_time_unix_secs": 1_769_999_939},
            "transcript": [{"role": "agent", "message": 'They said "hello", {and} [left]\\.', "time_in_call_secs": 0}],
            **data,
        }
    )


def recording(mp3: bytes, **data: Any) -> bytes:
    """The audio of a conversation."""
    return webhook("post_call_audio", full_audio=base64.b64encode(mp3).decode(), **data)
