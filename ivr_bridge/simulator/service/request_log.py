"""What the sandbox saw: for tests and for the curious, at GET /sandbox/log."""

from dataclasses import asdict, dataclass, field
from typing import Any

_MAX_ENTRIES = 1000


@dataclass(slots=True)
class ConversationLog:
    """One conversation: counts and kinds of what came in, and how it ended."""

    conversation_id: str
    agent_id: str
    user_audio_bytes: int = 0
    fault: str | None = None
    first_message: str = ""
    language: str = ""
    """What the agent spoke at last."""
    received: list[str] = field(default_factory=list)
    """Types in order; repeated `user_audio_chunk` stand once."""
    transcripts: list[str] = field(default_factory=list)
    context: list[dict[str, str]] = field(default_factory=list)
    """Contextual updates in order: `context_id` ("" for none) and `text`."""
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    """`tool_name` and `parameters` of each client tool that the dialogue called."""
    tool_results: list[dict[str, Any]] = field(default_factory=list)
    close_code: int | None = None
    close_reason: str = ""

    def note(self, kind: str) -> None:
        """Remember that a message of `kind` came."""
        if (kind != "user_audio_chunk" or not self.received or self.received[-1] != kind) and len(
            self.received
        ) < _MAX_ENTRIES:
            self.received.append(kind)

    def note_context(self, context_id: str, text: str) -> None:
        """Remember a contextual update."""
        if len(self.context) < _MAX_ENTRIES:
            self.context.append({"context_id": context_id, "text": text})


@dataclass(slots=True)
class RequestLog:
    """Every request and conversation since the start, at most 1000 of each."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    conversations: list[ConversationLog] = field(default_factory=list)

    def note(self, method: str, path: str, query_keys: list[str]) -> None:
        """Remember a request; query values are left out, for they may be secret."""
        if len(self.requests) < _MAX_ENTRIES:
            self.requests.append({"method": method, "path": path, "query": sorted(query_keys)})

    def begin(self, conversation_id: str, agent_id: str) -> ConversationLog:
        """The log of a new conversation."""
        log = ConversationLog(conversation_id, agent_id)
        if len(self.conversations) < _MAX_ENTRIES:
            self.conversations.append(log)
        return log

    def as_json(self) -> dict[str, Any]:
        """The answer of GET /sandbox/log."""
        return {"requests": self.requests, "conversations": [asdict(entry) for entry in self.conversations]}
