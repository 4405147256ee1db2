"""What the vendor can say on a text-to-speech WebSocket.                                               pure

`context_id` tells which of several texts is meant; it is empty on a socket that has only one.

Source: https://elevenlabs.io/docs/api-reference/text-to-speech/v-1-text-to-speech-voice-id-stream-input
"""

from dataclasses import dataclass

from ivr_bridge.elevenlabs.conversation.events import Alignment


@dataclass(frozen=True, slots=True)
class SpeechAudio:
    """The next piece of a text's audio: base64 in the format that was asked for, never empty."""

    context_id: str
    payload: str
    alignment: Alignment | None = None
    """Of the piece itself, from its first sample."""


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """All audio of this text has come."""

    context_id: str


@dataclass(frozen=True, slots=True)
class SpeechFaulted:
    """The vendor reports an error and closes next; `code` is the close code that it announces (0: none)."""

    code: int
    error: str
    message: str


@dataclass(frozen=True, slots=True)
class SpeechUnknown:
    """A message that is not documented, or malformed; it changes nothing."""

    kind: str


SpeechEvent = SpeechAudio | SpeechEnded | SpeechFaulted | SpeechUnknown
