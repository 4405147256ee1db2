"""What the webhooks ask of the bridge, in the words of the caller's leg. `app.py` hands in who answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ivr_bridge.twilio.twiml import Spoken

if TYPE_CHECKING:
    from ivr_bridge.twilio.stream_socket import StreamSocket

__all__ = [
    "Answer",
    "CallDesk",
    "ConnectStream",
    "DialNumber",
    "HangUp",
    "IncomingCall",
    "RecordMessage",
    "Recording",
    "SayAndHangUp",
    "Spoken",
    "VendorsTwiml",
]


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """A call as a webhook describes it. What Twilio left out is an empty string.

    `caller` and `called` are opaque: E.164, `anonymous`, `client:...` or `sip:...`. `status` is Twilio's `CallStatus`.
    `idempotency_token` is the same on every retry of one request.
    """

    call_sid: str
    account_sid: str
    caller: str = field(repr=False)
    called: str = field(repr=False)
    direction: str
    status: str
    idempotency_token: str = ""
    dial_status: str = ""
    """After a `<Dial>`: `DialCallStatus`, completed, answered, busy, no-answer, failed or canceled."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A message that Twilio recorded; its audio is at `url`."""

    sid: str
    url: str = field(repr=False)
    duration_s: int | None


@dataclass(frozen=True, slots=True)
class ConnectStream:
    """Open a media stream to us; `token` is its one-time ticket, `apology` the last resort behind it."""

    token: str = field(repr=False)
    apology: Spoken


@dataclass(frozen=True, slots=True)
class SayAndHangUp:
    """Twilio's own voice says it; then the call ends."""

    spoken: Spoken


@dataclass(frozen=True, slots=True)
class DialNumber:
    """Put the caller through to a person; `ring_s` is how long they are rung."""

    number: str = field(repr=False)
    spoken: Spoken | None = None
    ring_s: int | None = None


@dataclass(frozen=True, slots=True)
class RecordMessage:
    """Take a message of at most `max_s`; `spoken` is said before the tone, `thanks` when nothing was recorded."""

    spoken: Spoken | None
    thanks: Spoken
    max_s: int


@dataclass(frozen=True, slots=True)
class VendorsTwiml:
    """What the vendor's own route to its agent answered, as it stands."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call."""


Answer = ConnectStream | SayAndHangUp | DialNumber | RecordMessage | VendorsTwiml | HangUp
"""What Twilio shall do next."""


class CallDesk(Protocol):
    """Who decides about calls.

    The answering methods do nothing remote and answer at once: Twilio and the caller wait. What they raise is logged
    as a bug, and the caller hears an apology.
    """

    async def answer_voice(self, call: IncomingCall) -> Answer:
        """A call came in. Asked again (Twilio retries), the answer is the same."""
        ...

    async def run_stream(self, leg: StreamSocket) -> None:
        """Hold the conversation of a stream that has started; returns when it is over.

        The desk checks `leg.started.token` first. The socket is closed afterwards, whatever happens here.
        """
        ...

    async def stream_ended(self, call: IncomingCall) -> Answer:
        """The stream of a call is gone: what follows? Also asked when `<Dial>` has ended."""
        ...

    async def voicemail_taken(self, call: IncomingCall, recording: Recording) -> Answer:
        """A message was recorded: it is kept before this returns."""
        ...

    async def fallback(self, call: IncomingCall, error_code: str, error_url: str) -> Answer:
        """Twilio could not use our answer at `error_url`; the desk logs it."""
        ...

    def status_changed(self, call_sid: str, status: str, duration_s: int | None) -> None:
        """Twilio's notice about a call: best effort, unordered, may repeat."""
        ...

    def stream_status_changed(self, call_sid: str, stream_sid: str, status: str, error: str) -> None:
        """Twilio's notice about a stream: `stream-started`, `stream-stopped` or `stream-error` with its text."""
        ...
