"""What the vendor keeps of a conversation.                                                                  pure

Right after its end a conversation is `processing`: analysis and audio come later.

Source: https://elevenlabs.io/docs/api-reference/conversations/get
"""

from typing import Any

from ivr_bridge.elevenlabs.rest.answer import Answer

FINISHED = ("done", "failed")


class ConversationEntry(Answer):
    """One line of the list."""

    conversation_id: str
    agent_id: str
    agent_name: str | None = None
    status: str = ""
    start_time_unix_secs: int = 0
    call_duration_secs: int = 0
    message_count: int = 0
    call_successful: str = "unknown"
    """`success`, `failure` or `unknown`, by the agent's own criteria."""
    termination_reason: str = ""
    transcript_summary: str | None = None
    """Only with `summary_mode="include"`."""


class ConversationsPage(Answer):
    """One page of the list."""

    conversations: tuple[ConversationEntry, ...]
    next_cursor: str | None = None
    has_more: bool | None = None


class Turn(Answer):
    """What one side said, or which tools it called."""

    role: str
    """`user` or `agent`."""
    message: str | None = None
    time_in_call_secs: int = 0
    interrupted: bool = False
    tool_calls: tuple[dict[str, Any], ...] = ()
    tool_results: tuple[dict[str, Any], ...] = ()


class ConversationMetadata(Answer):
    """How a conversation went, apart from its words."""

    start_time_unix_secs: int = 0
    call_duration_secs: int = 0
    cost: int | None = None
    """In credits."""
    termination_reason: str = ""
    error: dict[str, Any] | None = None
    """`code` and `reason`."""
    phone_call: dict[str, Any] | None = None
    """Only of a call that the vendor answered or made itself; with `call_sid`."""
    main_language: str | None = None


class ConversationAnalysis(Answer):
    """What the vendor's model made of it."""

    call_successful: str = "unknown"
    transcript_summary: str = ""
    evaluation_criteria_results: dict[str, Any] = {}
    data_collection_results: dict[str, Any] = {}


class Conversation(Answer):
    """One conversation, whole but for its audio."""

    conversation_id: str
    agent_id: str
    status: str
    """`initiated`, `in-progress`, `processing`, `done` or `failed`."""
    transcript: tuple[Turn, ...] = ()
    metadata: ConversationMetadata = ConversationMetadata()
    analysis: ConversationAnalysis | None = None
    has_audio: bool = False
    has_user_audio: bool = False
    has_response_audio: bool = False

    @property
    def finished(self) -> bool:
        """Whether nothing more is added to it."""
        return self.status in FINISHED
