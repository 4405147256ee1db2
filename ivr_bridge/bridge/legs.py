"""All that a call knows of sockets: what its two legs can do."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ivr_bridge.audio.formats import AudioFormat
from ivr_bridge.elevenlabs.conversation.events import AgentEvent
from ivr_bridge.twilio.stream_events import CallerAudio, StreamEvent, StreamStarted


class CallerLeg(Protocol):
    """The caller's side. `receive` is cancel-safe and ends with a `StreamClosed`; sending never waits."""

    @property
    def started(self) -> StreamStarted:
        """What Twilio said when the stream started."""
        ...

    def hear(self, sink: Callable[[CallerAudio], None] | None) -> None:
        """Audio goes to `sink` the moment it arrives, all else through `receive`; None: no more."""
        ...

    async def receive(self) -> Sequence[StreamEvent]:
        """The next events; raises RemoteProtocolError on what must not come."""
        ...

    def send_media(self, payload: str) -> None:
        """Base64 mu-law, any length, played after all that was sent before."""
        ...

    def send_mark(self, name: str) -> None:
        """Comes back as `MarkReached` when all before it was played, or cleared."""
        ...

    def send_clear(self) -> None:
        """Drops what is not played yet; outstanding marks come back."""
        ...

    @property
    def full(self) -> bool:
        """Whether so much is unsent that more audio would only wait."""
        ...

    def write_stalled_s(self, now: float) -> float:
        """How long it has been full; 0 when it is not."""
        ...

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close, bounded in time; 1000 lets Twilio go on with the `action` URL."""
        ...


class AgentLeg(Protocol):
    """The agent's side. `receive` is cancel-safe and ends with a `ConversationClosed`; sending never waits."""

    @property
    def conversation_id(self) -> str:
        """The vendor's id of this conversation."""
        ...

    @property
    def input_format(self) -> AudioFormat:
        """What the agent wants to hear."""
        ...

    @property
    def output_format(self) -> AudioFormat:
        """What the agent speaks."""
        ...

    def quiet_s(self, now: float) -> float:
        """How long nothing at all has come from it, pings included."""
        ...

    @property
    def stale_audio(self) -> int:
        """Audio messages dropped because they were older than an interruption."""
        ...

    def hear(self, sink: Callable[[AgentEvent], None] | None) -> None:
        """Events go to `sink`: at once those that have come already, then each the moment it arrives; None: no more.

        The `ConversationClosed` still comes through `receive`, and so does what `sink` raises.
        """
        ...

    async def receive(self) -> Sequence[AgentEvent]:
        """The next events that no sink took; pings are already answered."""
        ...

    def send_audio(self, payload: str) -> bool:
        """Base64 in `input_format`; False when it was dropped because the agent reads too slowly."""
        ...

    def send_tool_result(self, tool_call_id: str, result: Any, is_error: bool) -> None:
        """The one answer to a tool call."""
        ...

    def send_contextual_update(self, text: str, context_id: str | None = None) -> None:
        """A fact for the agent that starts no turn."""
        ...

    def send_user_message(self, text: str) -> None:
        """Words of the caller that were not spoken; starts a turn."""
        ...

    def send_user_activity(self) -> None:
        """Keeps the agent from taking silence for absence."""
        ...

    async def close(self, reason: str = "") -> None:
        """Close with 1000, bounded in time."""
        ...
