"""The text-to-speech WebSocket: text goes in as it is written, audio comes out before the text is complete.

    stream = await SpeechStream.open(client, voice_id="...", model_id="eleven_flash_v2_5", output_format="ulaw_8000")
    stream.begin()
    stream.say("Your table ", flush=False)
    stream.end()
    async for event in stream: ...

Nothing is tried again here: what was said is lost with the socket, and only whoever said it knows what to say again.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol
from urllib.parse import urlencode

from ivr_bridge.elevenlabs.inbox import WebSocketClosed
from ivr_bridge.elevenlabs.rest.errors import parse_error
from ivr_bridge.elevenlabs.rest.request import segment
from ivr_bridge.elevenlabs.speech_stream.events import SpeechEvent, SpeechFaulted
from ivr_bridge.elevenlabs.speech_stream.protocol import SpeechProtocol
from ivr_bridge.elevenlabs.websocket import WebSocket, WebSocketRefused
from ivr_bridge.errors import VendorError, VendorFailed, VendorRejected, VendorUnreachable

_POLICY_VIOLATION = 1008
_NORMAL = 1000
_REFUSED_MODELS = ("eleven_v3", "eleven_v4")
"""They speak whole texts only, and so do their variants."""


class Vendor(Protocol):
    """What is needed of the REST client: the host, and the key as a header."""

    @property
    def websocket_url(self) -> str:
        """Scheme and host."""
        ...

    @property
    def key_header(self) -> dict[str, str]:
        """The key; never part of a URL."""
        ...


class SpeechStream:
    """One open socket for one text, or for several (`multi`); make it with `SpeechStream.open`.

    `begin`, `say`, `keep_alive` and `end` never wait, see `SpeechProtocol`; one task at a time receives. It ends by
    itself when the last text of a socket for one has been spoken; `close` it whatever happens.
    """

    def __init__(self, protocol: SpeechProtocol, what: str) -> None:
        self._protocol = protocol
        self._what = what
        self._websocket: WebSocket[list[SpeechEvent]] | None = None
        self._fault: SpeechFaulted | None = None

    @classmethod
    async def open(
        cls,
        vendor: Vendor,
        *,
        voice_id: str,
        model_id: str,
        output_format: str,
        multi: bool = False,
        language_code: str | None = None,
        auto_mode: bool = False,
        sync_alignment: bool = False,
        inactivity_timeout_s: int = 20,
        open_timeout_s: float = 5.0,
    ) -> "SpeechStream":
        """Connect; nothing is spoken yet, and the vendor counts no concurrency yet.

        Args:
            vendor: host and key.
            voice_id: the vendor's.
            model_id: such as `eleven_flash_v2_5`; not one of version 3 or 4.
            output_format: such as `ulaw_8000`, `pcm_16000`, `mp3_44100_128`.
            multi: several texts at once, each with a `context_id`.
            language_code: `en`, `es`, `zh`, where the model takes one.
            auto_mode: speak each sentence at once, without any schedule.
            sync_alignment: also say when each character is spoken.
            inactivity_timeout_s: the vendor closes after so long without a message; at most 180.
            open_timeout_s: for connection and handshake.

        Raises:
            ValueError: a model that has no such socket.
            VendorError: refused (key, voice, plan), busy, or not reached.
        """
        if model_id.startswith(_REFUSED_MODELS):
            raise ValueError(f"{model_id} speaks whole texts only; stream with eleven_flash_v2_5")
        path = f"/v1/text-to-speech/{segment(voice_id)}/{'multi-stream-input' if multi else 'stream-input'}"
        query = {
            "model_id": model_id,
            "output_format": output_format,
            "inactivity_timeout": str(inactivity_timeout_s),
            **({"language_code": language_code} if language_code else {}),
            **({"auto_mode": "true"} if auto_mode else {}),
            **({"sync_alignment": "true"} if sync_alignment else {}),
        }
        stream = cls(SpeechProtocol(multi=multi), f"WebSocket {path}")
        try:
            stream._websocket = await WebSocket.open(
                f"{vendor.websocket_url}{path}?{urlencode(query)}",
                read=stream._read,
                headers=vendor.key_header,
                open_timeout_s=open_timeout_s,
            )
        except WebSocketRefused as refused:
            error = parse_error(refused.status, refused.headers, refused.body)
            error.args = (f"{stream._what}: {error}",)
            raise error from refused
        except TimeoutError as error:
            raise VendorUnreachable(f"{stream._what}: not open in {open_timeout_s:g} s") from error
        except OSError as error:
            raise VendorUnreachable(f"{stream._what}: {type(error).__name__}") from error
        return stream

    @property
    def contexts(self) -> tuple[str, ...]:
        """Texts of which audio may still come."""
        return self._protocol.contexts

    @property
    def unknown_messages(self) -> int:
        """Messages that were not documented, or malformed."""
        return self._protocol.unknown_messages

    def begin(
        self,
        context_id: str = "",
        *,
        voice_settings: Mapping[str, object] | None = None,
        chunk_length_schedule: Sequence[int] = (),
    ) -> None:
        """Begin a text; see `SpeechProtocol.begin`."""
        self._socket.send(
            self._protocol.begin(context_id, voice_settings=voice_settings, chunk_length_schedule=chunk_length_schedule)
        )

    def say(self, text: str, context_id: str = "", *, flush: bool = False) -> None:
        """The next piece of a text; see `SpeechProtocol.say`."""
        self._socket.send(self._protocol.say(text, context_id, flush=flush))

    def keep_alive(self, context_id: str = "") -> None:
        """More is coming; see `SpeechProtocol.keep_alive`."""
        self._socket.send(self._protocol.keep_alive(context_id))

    def end(self, context_id: str = "") -> None:
        """No more of this text; see `SpeechProtocol.end`."""
        self._socket.send(self._protocol.end(context_id))

    async def receive(self) -> list[SpeechEvent]:
        """The next events, in order; empty when the vendor has closed after everything was spoken.

        Cancelling loses nothing.

        Raises:
            VendorRejected: closed with 1008: the request, the plan, or 20 s without a word.
            VendorFailed: closed otherwise before everything was spoken.
        """
        try:
            events = await self._socket.receive()
        except WebSocketClosed as closed:
            if closed.close_code == _NORMAL and not self._protocol.contexts:
                return []
            raise self._error_of(closed) from closed
        for event in events:
            if isinstance(event, SpeechFaulted):
                self._fault = event
        return events

    async def __aiter__(self) -> AsyncIterator[SpeechEvent]:
        """Every event until the vendor has closed; raises as `receive` does."""
        while events := await self.receive():
            for event in events:
                yield event

    async def close(self) -> None:
        """Close the socket; what is not spoken yet is dropped. Call it as often as you like."""
        if self._websocket is not None:
            await self._websocket.close()

    def _read(self, text: str) -> list[SpeechEvent]:
        return self._protocol.receive_text(text)

    def _error_of(self, closed: WebSocketClosed) -> VendorError:
        fault = self._fault
        said = f"{fault.error}: {fault.message}" if fault is not None else closed.reason
        text = f"{self._what}: closed with {closed.close_code}: {said or 'no reason given'}"
        kind = VendorRejected if closed.close_code == _POLICY_VIOLATION else VendorFailed
        return kind(text, vendor_code=fault.error if fault is not None else "")

    @property
    def _socket(self) -> WebSocket[list[SpeechEvent]]:
        if self._websocket is None:
            raise VendorUnreachable(f"{self._what}: not open")
        return self._websocket
