"""One call that we make: who is called, into which flow, and how far it has come.

    waiting -> unknown -> created -> answered -> done
                  |          |           |
                  v          v           v
               waiting     failed      failed

A dial is `unknown` from the moment before Twilio is asked until its answer is there: whoever finds one that was left in
this state does not know whether a phone rings, and looks before anything else is done.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

DialState = Literal["waiting", "unknown", "created", "answered", "done", "failed"]

OVER: frozenset[str] = frozenset({"done", "failed"})
UNANSWERED = frozenset({"busy", "no-answer", "failed", "canceled"})
"""`CallStatus` of a call that nobody took."""


@dataclass(slots=True)
class Dial:
    """A row of `dials`, as this process knows it."""

    id: str
    to: str = field(repr=False)
    flow: str
    asked_at: datetime
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    machine_detection: bool = False
    callback_id: str | None = None
    state: DialState = "waiting"
    call_sid: str | None = None
    answered_by: str | None = None
    last_error: str | None = None
    tried_at: datetime | None = None
    being_made: bool = False
    """Whether this process waits for Twilio's answer now."""
    holds_slot: bool = False

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in OVER

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Dial":
        """As it stands in the database."""
        return cls(
            id=row["id"],
            to=row["to_number"] or "",
            flow=row["flow"] or "",
            asked_at=row["asked_at"],
            variables=row["variables"] or {},
            machine_detection=bool(row["machine_detection"]),
            callback_id=row["callback_id"],
            state=row["state"],
            call_sid=row["call_sid"],
            answered_by=row["answered_by"],
            last_error=row["last_error"],
            tried_at=row["tried_at"],
        )

    def row(self) -> dict[str, Any]:
        """As it is written down."""
        return {
            "id": self.id,
            "to_number": self.to,
            "flow": self.flow,
            "asked_at": self.asked_at,
            "variables": dict(self.variables),
            "machine_detection": self.machine_detection,
            "callback_id": self.callback_id,
            "state": self.state,
            "call_sid": self.call_sid,
            "answered_by": self.answered_by,
            "last_error": self.last_error,
            "tried_at": self.tried_at,
        }
