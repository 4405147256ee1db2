"""The wires that a conversation can be held in: today's, and the older one for servers that still speak it.      pure

Source: docs/decisions/0015
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from ivr_bridge.audio.formats import AudioFormat
from ivr_bridge.elevenlabs.conversation.events import AgentEvent, ConversationClosed
from ivr_bridge.elevenlabs.conversation.legacy_protocol import LegacyProtocol
from ivr_bridge.elevenlabs.conversation.protocol import ConversationProtocol, ConversationState, DynamicVariable


class Codec(Protocol):
    """What `AgentConversation` needs of a protocol object; None is a message that the dialect does not have."""

    noted_messages: int
    stale_audio: int
    unknown_messages: int

    @property
    def state(self) -> ConversationState:
        """Where the conversation stands."""
        ...

    def initiation(
        self,
        *,
        overrides: Mapping[str, object] | None,
        dynamic_variables: Mapping[str, DynamicVariable] | None,
        user_id: str | None,
        source_info: Mapping[str, str] | None,
    ) -> str | None:
        """What is said before anything else."""
        ...

    def opened(self) -> list[AgentEvent]:
        """What the open socket alone means; once."""
        ...

    def receive_text(self, text: str) -> list[AgentEvent]:
        """The events of one message, in order."""
        ...

    def answer(self, event: AgentEvent) -> str | None:
        """What goes back at once."""
        ...

    def user_audio(self, payload: str) -> str:
        """A piece of the caller's voice."""
        ...

    def tool_result(self, tool_call_id: str, result: object, *, is_error: bool) -> str:
        """The one answer to a `ToolRequested`."""
        ...

    def contextual_update(self, text: str, context_id: str | None = None) -> str | None:
        """A fact for the agent that starts no turn."""
        ...

    def user_message(self, text: str) -> str | None:
        """Words in the caller's place."""
        ...

    def user_activity(self) -> str | None:
        """A sign that the caller is there and busy."""
        ...

    def close(self, close_code: int, reason: str) -> ConversationClosed:
        """The socket is closed."""
        ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """One wire: where its socket is, and how it is spoken."""

    name: str
    path: str
    codec: Callable[[], Codec]
    """Makes the protocol object of one conversation."""


TODAY = Dialect("today", "/v1/convai/conversation", ConversationProtocol)


def legacy(audio_format: AudioFormat) -> Dialect:
    """The older wire, with the format that both sides agreed on."""
    return Dialect("legacy", "/v1/convai/stream", partial(LegacyProtocol, audio_format))
