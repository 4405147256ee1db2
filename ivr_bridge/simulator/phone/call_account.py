"""What REST tells of a call: its state and its times."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

FINAL = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})


@dataclass(slots=True)
class CallAccount:
    """One call's facts; `status` is Twilio's, and changes by `turn` only."""

    sid: str
    account_sid: str
    caller: str
    called: str
    direction: str
    parent_sid: str = ""
    status: str = "queued"
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: datetime | None = None
    ended: datetime | None = None
    answered_by: str = ""

    @property
    def is_over(self) -> bool:
        """Whether nothing more will become of it."""
        return self.status in FINAL

    @property
    def duration_s(self) -> int:
        """From the answer to the end (or now), whole seconds; 0 without an answer."""
        if self.started is None:
            return 0
        return int(((self.ended or datetime.now(UTC)) - self.started).total_seconds())

    def turn(self, status: str) -> None:
        """It is in another state now; one that is over stays as it is."""
        if self.is_over:
            return
        self.status = status
        if status == "in-progress" and self.started is None:
            self.started = datetime.now(UTC)
        if status in FINAL:
            self.ended = datetime.now(UTC)

    def params(self, **more: str) -> dict[str, str]:
        """The voice set that every webhook of a call carries, and what this one adds.

        Source: https://www.twilio.com/docs/voice/twiml#request-parameters
        """
        parent = {"ParentCallSid": self.parent_sid} if self.parent_sid else {}
        answered_by = {"AnsweredBy": self.answered_by} if self.answered_by else {}
        return {
            "CallSid": self.sid,
            "AccountSid": self.account_sid,
            "From": self.caller,
            "To": self.called,
            "Caller": self.caller,
            "Called": self.called,
            "CallStatus": self.status,
            "Direction": self.direction,
            "ApiVersion": "2010-04-01",
            **parent,
            **answered_by,
            **more,
        }
