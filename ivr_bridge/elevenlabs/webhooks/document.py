"""What a webhook tells of a conversation, without its audio: read, named, and known again.                    pure

Source: https://elevenlabs.io/docs/agents-platform/workflows/post-call-webhooks
"""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

import orjson

TRANSCRIPTION, AUDIO = "post_call_transcription", "post_call_audio"

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_TYPE = re.compile(r"[a-z0-9_]{1,60}")


@dataclass(frozen=True, slots=True)
class WebhookDocument:
    """One webhook. What the vendor left out, or wrote otherwise than it says, is empty or None."""

    type: str
    conversation_id: str
    agent_id: str
    status: str
    """Of a transcription `done` or `failed`; of a call that failed its reason: `busy`, `no-answer`, `unknown`."""
    duration_s: int | None
    cost: int | None
    """In the vendor's credits."""
    content_hash: str
    """64 hex digits: the same when the vendor tells the same again, at another time or in another order."""

    @property
    def name(self) -> str:
        """A file's name that stays in its folder, whatever an id says.

        `ID.json` for a transcription, `ID.TYPE.json` for the rest; ids and types with other signs than the vendor's
        are replaced by a hash of theirs, a missing id by one of the content.
        """
        if _ID.fullmatch(self.conversation_id):
            stem = self.conversation_id
        elif self.conversation_id:
            stem = f"id-{_hash(self.conversation_id)}"
        else:
            stem = f"none-{self.content_hash[:32]}"
        if self.type == TRANSCRIPTION:
            return f"{stem}.json"
        return f"{stem}.{self.type if _TYPE.fullmatch(self.type) else f'type-{_hash(self.type)}'}.json"

    @property
    def changed_name(self) -> str:
        """Its file's name when another telling has the first one."""
        return f"{self.name.removesuffix('.json')}.changed-{self.content_hash[:12]}.json"


def audio_name(document_name: str) -> str:
    """The name of the audio that came with a document: `ID.mp3` for the recording, which is what people look for."""
    stem = document_name.removesuffix(".json")
    typed = stem if "." in stem else f"{stem}.{TRANSCRIPTION}"
    return f"{typed.removesuffix(f'.{AUDIO}')}.mp3"


def read_document(text: bytes, audio_hash: bytes) -> WebhookDocument:
    """Read a webhook of any type.

    Args:
        text: JSON; its audio was taken out.
        audio_hash: of that audio; empty when there was none.

    Raises:
        ValueError: it is no JSON object.
    """
    body = _parsed(text)
    if not isinstance(body, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - of what somebody sent, not of an argument
    data = _object(body.get("data"))
    metadata = _object(data.get("metadata"))
    told = {name: value for name, value in body.items() if name != "event_timestamp"}
    return WebhookDocument(
        type=_text(body.get("type")),
        conversation_id=_text(data.get("conversation_id")),
        agent_id=_text(data.get("agent_id")),
        status=_text(data.get("status")) or _text(data.get("failure_reason")),
        duration_s=_number(metadata.get("call_duration_secs")),
        cost=_number(metadata.get("cost")),
        content_hash=hashlib.sha256(_canonical(told) + audio_hash).hexdigest(),
    )


def _parsed(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)  # takes half a surrogate pair, and NaN, which Python's writers write


def _canonical(body: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return json.dumps(body, sort_keys=True).encode()


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return round(value)
    except (ValueError, OverflowError):  # NaN, infinity
        return None
