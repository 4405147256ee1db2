"""What the webhooks ask of the bridge, in the words of the caller's leg. `app.py` hands in who answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ivr_bridge.twilio.twiml import Spoken

if TYPE_CHECKING:
    from ivr_bridge.twilio.stream_socket import StreamSocket

__all__ = [
    "Answer",
    "AskToAccept",
    "CallDesk",
    "ConnectStream",
    "DialNumber",
    "GatherKeys",
    "HangUp",
    "IncomingCall",
    "JoinRoom",
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
    dial_duration_s: int | None = None
    """After a `<Dial>` that was answered: how long the person was on the line."""
    flow: str | None = None
    """Where it begins; None: in the called number's flow."""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What templates may name beside the call's own."""
    dial_bridged: bool = True
    """After a `<Dial>` that was answered: whether caller and person ever heard each other."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A message that Twilio recorded; its audio is at `url`."""

    sid: str
    url: str = field(repr=False)
    duration_s: int | None


@dataclass(frozen=True, slots=True)
class ConnectStream:
    """Open a media stream to us; `token` is its one-time ticket, `apology` the last resort behind it.

    `worker` names the process that holds the call, for a proxy that can tell several apart.
    """

    token: str = field(repr=False)
    apology: Spoken
    worker: str = "0"
    digits: str = field(default="", repr=False)
    """Keys that Twilio presses before; `w` is half a second of silence."""


@dataclass(frozen=True, slots=True)
class SayAndHangUp:
    """Twilio's own voice says it; then the call ends."""

    spoken: Spoken


@dataclass(frozen=True, slots=True)
class DialNumber:
    """Put the caller through to a person; `ring_s` is how long they are rung, `limit_s` how long they may talk.

    `caller_id` is what the person sees; empty: as Twilio has it, the caller's own. `headers` are for a SIP address.
    """

    number: str = field(repr=False)
    spoken: Spoken | None = None
    ring_s: int | None = None
    caller_id: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    limit_s: int | None = None


@dataclass(frozen=True, slots=True)
class JoinRoom:
    """Meet in a conference: the caller waits there with music, the person begins it; when one leaves, it is over."""

    room: str
    as_person: bool = False
    spoken: Spoken | None = None
    """Said before."""
    hold_url: str = ""
    """What the caller hears meanwhile: audio that is played again and again; empty: silence."""
    limit_s: int | None = None


@dataclass(frozen=True, slots=True)
class AskToAccept:
    """A person has answered: say this, and wait `wait_s` for a key; `token` names the transfer."""

    token: str = field(repr=False)
    spoken: Spoken
    wait_s: int


@dataclass(frozen=True, slots=True)
class GatherKeys:
    """Say it and wait for keys, which are posted to `path`; without any, `otherwise` is said and the call ends."""

    path: str
    spoken: Spoken
    otherwise: Spoken
    n_digits: int | None = None
    """None: until `#`."""
    wait_s: int = 8


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


Answer = (
    ConnectStream
    | SayAndHangUp
    | DialNumber
    | JoinRoom
    | AskToAccept
    | GatherKeys
    | RecordMessage
    | VendorsTwiml
    | HangUp
)
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

    async def whisper(self, call: IncomingCall, token: str) -> Answer:
        """A person has answered the call of a warm transfer: what do they hear? `call` is theirs."""
        ...

    async def whisper_answered(self, call: IncomingCall, token: str, digits: str) -> Answer:
        """That person has pressed a key (`digits`), or none in time."""
        ...

    def transfer_status_changed(self, token: str, call_sid: str, status: str) -> None:
        """Twilio's notice about the call to that person."""
        ...

    def status_changed(self, call_sid: str, status: str, duration_s: int | None) -> None:
        """Twilio's notice about a call: best effort, unordered, may repeat."""
        ...

    def stream_status_changed(self, call_sid: str, stream_sid: str, status: str, error: str) -> None:
        """Twilio's notice about a stream: `stream-started`, `stream-stopped` or `stream-error` with its text."""
        ...
