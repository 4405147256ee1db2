"""The story of a simulated call: who said what and when, as the server tells it and as the phone heard it."""

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ivr_bridge.cli.call_events import ServerEvent
from ivr_bridge.simulator.phone.report import CallReport, PhoneEvent

PHONE_REASONS = frozenset({"no_answer", "too_long"})
"""Why the caller gave up: the server only sees them hang up."""

PHONE_WORDS = {
    "said_by_network": "twilio",
    "played_by_network": "played",
    "dialled": "dialled",
    "person_speaking": "person",
    "dial_ended": "dialled",
    "recording_started": "recording",
    "recording_ended": "recorded",
    "digits": "digits",
    "violation": "violation",
}
"""What the phone tells that is shown -> who is said to have done it."""

SERVER_WORDS = {
    "node.entered": ("flow", "{flow}/{node}"),
    "option.chosen": ("flow", "option {option} by {by}"),
    "language.changed": ("flow", "{before} -> {language} by {by}"),
    "filler.played": ("filler", "{why}"),
    "rung.climbed": ("ladder", "{rung}: {cause}"),
    "agent.recovered": ("ladder", "the agent is back by {rung}"),
    "call.handed_over": ("flow", "to {where}"),
    "voicemail.begun": ("voicemail", "is recorded after the tone"),
    "voicemail.taken": ("voicemail", "{duration_s} s"),
}
"""What the server tells of its flows and its ladder -> who, and the words with its fields."""

Show = Callable[[float, str, str], None]
"""Called with ms since the stream's start, who, and what."""


@dataclass
class CallStory:
    """Collects while the call goes on; `show` prints each thing as it happens."""

    show: Show
    turns: list[dict[str, Any]] = field(default_factory=list)
    tool_calls: dict[str, dict[str, Any]] = field(default_factory=dict)
    barge_ins: int = 0
    ended: dict[str, Any] | None = None
    """The fields of `call.ended`."""
    _placed_at: float = field(default_factory=time.monotonic)
    _started_at: float | None = None

    def now_ms(self) -> float:
        """Ms since the stream started, or since the call was placed while it has not."""
        return (time.monotonic() - (self._started_at or self._placed_at)) * 1000

    def phone_event(self, event: PhoneEvent) -> None:
        """Enter what the phone saw."""
        if event.kind == "stream_started":
            self._started_at = time.monotonic()
        elif event.kind in PHONE_WORDS:
            # A prompt's URL is signed: whoever has all of it may fetch it.
            self.show(self.now_ms(), PHONE_WORDS[event.kind], event.text.partition("?expires=")[0])

    def server_event(self, event: ServerEvent) -> None:
        """Enter what the server told."""
        fields = event.fields
        match event.name:
            case "agent.said":
                self._turn("agent", fields.get("pii.text", ""))
            case "caller.said":
                self._turn("caller", fields.get("pii.text", ""))
            case "caller.barged_in":
                self.barge_ins += 1
                heard = fields.get("pii.heard", "")
                self.show(self.now_ms(), "barge-in", f"after {fields.get('heard_ms', 0):.0f} ms: heard “{heard}”")
            case "tool.called":
                name = fields.get("tool", "")
                self.tool_calls[fields.get("tool_call_id", "")] = {"name": name, "ok": False, "ms": None}
                self.show(self.now_ms(), "tool", f"{name} {fields.get('pii.arguments', '')}")
            case "tool.answered" | "tool.failed" | "tool.cancelled":
                entry = self.tool_calls.get(fields.get("tool_call_id", ""))
                if entry is not None:
                    entry |= {"ok": event.name == "tool.answered", "ms": fields.get("ms")}
                self.show(self.now_ms(), "tool", str(fields.get("pii.result") or fields.get("error") or event.name))
            case "prompt.played":
                self.show(self.now_ms(), "prompt", str(fields.get("prompt", "")))
            case name if name in SERVER_WORDS:
                who, words = SERVER_WORDS[name]
                self.show(self.now_ms(), who, words.format_map(defaultdict(str, fields)))
            case "call.ended":
                self.ended = fields

    def _turn(self, who: str, text: str) -> None:
        at_ms = self.now_ms()
        self.turns.append({"who": who, "text": text, "at_ms": round(at_ms)})
        self.show(at_ms, who, text)

    def result(self, report: CallReport) -> tuple[str, str]:
        """Result and reason: the caller's own when they gave up, else the server's Termination, else the phone's."""
        if self.ended is None or report.reason in PHONE_REASONS:
            return report.result, report.reason
        return str(self.ended["result"]), str(self.ended["reason"])

    def account(self, report: CallReport, recording: str | None) -> dict[str, Any]:
        """The object that `--json` prints."""
        result, reason = self.result(report)
        return {
            "call_sid": report.call_sid,
            "result": result,
            "reason": reason,
            "first_word_ms": report.first_word_ms,
            "turns": self.turns,
            "turn_latency_ms": report.turn_latency_ms,
            "barge_ins": self.barge_ins,
            "tool_calls": list(self.tool_calls.values()),
            "violations": report.violations,
            "webhook_ms": report.webhook_ms,
            "said_by_network": report.said_by_network,
            "played_by_network": [url.partition("?")[0] for url in report.played_by_network],
            "dialled": report.dialled,
            "dial_statuses": report.dial_statuses,
            "keyed_at_ms": report.keyed_at_ms,
            "heard_at_ms": report.heard_at_ms,
            "network_heard_at_ms": report.network_heard_at_ms,
            "recording": recording,
        }
