"""What a call adds up to: the numbers of its `call.ended` line."""

from dataclasses import dataclass
from typing import Any

from ivr_bridge.bridge.termination import Termination


@dataclass(slots=True)
class CallAccount:
    """Counted while the call goes on. Instants are monotonic seconds."""

    begun_at: float
    started_at: float | None = None
    """When the first stream started."""
    first_sent_at: float | None = None
    """When the first audio went to the caller."""
    greeting: str = ""
    """`cached`, `agent`, a prompt's name, or empty when there was none."""
    turns: int = 0
    barge_ins: int = 0
    tools: int = 0
    tools_failed: int = 0
    frames_in: int = 0
    frames_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    gaps: int = 0
    gap_ms: float = 0.0
    frames_dropped: int = 0
    """Caller audio that the agent was too slow, or not yet there, to take."""
    marks_played: int = 0
    marks_discarded: int = 0
    played_ms: float = 0.0
    stale_audio: int = 0
    unknown_messages: int = 0
    noted_messages: int = 0
    input_format: str = ""
    output_format: str = ""
    conversation_id: str = ""
    agent_close_code: int | None = None
    stream_sid: str = ""
    streams: int = 0
    transfers: int = 0
    transfers_broken: int = 0

    def fields(self, termination: Termination, now: float) -> dict[str, Any]:
        """The fields of `call.ended`."""
        counted = {name: getattr(self, name) for name in self.__slots__ if not name.endswith("_at")}
        first_word_ms = None
        if self.first_sent_at is not None and self.started_at is not None:
            first_word_ms = (self.first_sent_at - self.started_at) * 1000
        return {
            "result": termination.result,
            "reason": termination.code,
            "by": termination.by,
            "duration_s": now - self.begun_at,
            "first_word_ms": first_word_ms,
        } | counted
