"""What the log tells of a call, as rows: the call, its turns, tools, transfers, rungs and conversations.

It is the one place where rows of a call come from, and it takes only what the catalogue of events names. Neither keys
nor digits nor what a tool was given or gave are in any row.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.events import Event
from ivr_bridge.telemetry.privacy import PII_PREFIX

CALLS_KNOWN = 5000
_REPLIES_KNOWN = 50
_NOT_OF_THE_ACCOUNT = ("call_sid", "duration_s")


class Rows(Protocol):
    """What `Records` do here."""

    def put(self, table: str, **values: Any) -> None:
        """A row, or new values of one that is there; never waits."""
        ...


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


@dataclass(slots=True)
class _Known:
    """A call that is going on here; `prefix` begins the ids of its rows, and is another one in each process."""

    prefix: str
    began_at: datetime
    flow: str | None = None
    language: str | None = None
    turns: int = 0
    others: int = 0
    replies: dict[Any, str] = field(default_factory=dict)
    """The rows of the agent's last replies, by event id."""
    transfer: str | None = None


class CallRecorder:
    """An `EventListener`: one for the process.

    Args:
        rows: where they go.
        wall: the time.
    """

    def __init__(self, rows: Rows, wall: Callable[[], datetime] = utc_now) -> None:
        self._rows = rows
        self._wall = wall
        self._calls: dict[str, _Known] = {}

    def heard(self, event: Event, fields: Mapping[str, Any]) -> None:
        """Enter what an event tells; most tell nothing."""
        call_sid = fields.get("call_sid")
        enter = self._ENTER.get(event.name)
        if enter is None or not call_sid:
            return
        known = self._calls.get(call_sid)
        if known is None:
            if len(self._calls) >= CALLS_KNOWN:
                del self._calls[next(iter(self._calls))]
            now = self._wall()
            known = self._calls[call_sid] = _Known(f"{call_sid}:{int(now.timestamp() * 1000):x}", now)
        enter(self, known, call_sid, fields)

    def _chosen(self, known: _Known, call_sid: str, fields: Mapping[str, Any]) -> None:
        known.flow, known.language = fields.get("flow"), fields.get("language")

    def _begun(self, known: _Known, call_sid: str, fields: Mapping[str, Any]) -> None:
        chosen = {"flow": known.flow, "language": known.language} if known.flow is not None else {}
        self._rows.put(
            "calls",
            call_sid=call_sid,
            direction=fields.get("direction"),
            caller=_person(fields, "caller"),
            called=_person(fields, "called"),
            began_at=known.began_at,
            ended_at=None,
            **chosen,
        )

    def _language_changed(self, known: _Known, call_sid: str, fields: Mapping[str, Any]) -> None:
        self._rows.put("calls", call_sid=call_sid, language=fields.get("language"))

    def _ended(self, known: _Known, call_sid: str, fields: Mapping[str, Any]) -> None:
        account = {
            name: value
            for name, value in fields.items()
            if name not in _NOT_OF_THE_ACCOUNT and not name.startswith(PII_PREFIX)
        }
        self._rows.put(
            "calls",
            call_sid=call_sid,
            ended_at=self._wall(),
            duration_s=fields.get("duration_s"),
            termination=fields.get("reason"),
            account=account,
        )
        del self._calls[call_sid]

    def _connected(self, known: _Known, call_sid: str, fields: Mapping[str, Any]) -> None:
        known.replies.clear()  # another conversation counts its events anew
        agent_id, conversation_id = fields.get("agent_id"), fields.get("conversation_id")
        self._rows.put("calls", call_sid=call_sid, agent_id=agent_id)
        if conversation_id:
            key = str(conversation_id)[:128]
            self._rows.put("conversations", conversation_id=key, call_sid=call_sid, agent_id=agent_id)

    # What was said

    def _caller_said(self, known: _Known, call_sid: str, fields: Mapping[str, Any]) -> None:
        self._turn(known, call_sid, "caller", _person(fields, "text"))

    def _agent_said(self, known: _Known, call_sid: str, fields: Mapping[str, Any]) -> None:
        known.replies[fields.get("event_id")] = self._turn(known, call_sid, "agent", _person(fields, "text"))
        if len(known.replies) > _REPLIES_KNOWN:
            del known.replies[next(iter(known.replies))]

    def _agent_corrected(self, known: _Known, call_sid: str, fields: Mapping[str, Any]) -> None:
        if (reply := known.replies.get(fields.get("event_id"))) is not None:
            self._rows.put("turns", id=reply, call_sid=call_sid, text=_person(fields, "text"))

    def _prompt_played(self, known: _Known, call_sid: str, fields: Mapping[str, Any]) -> None:
        self._turn(known, call_sid, "line", f"[{fields.get('prompt')}]")

    def _turn(self, known: _Known, call_sid: str, speaker: str, text: str | None) -> str:
        known.turns += 1
        row = f"{known.prefix}:{known.turns}"
        self._rows.put(
            "turns", id=row, call_sid=call_sid, position=known.turns, speaker=speaker, text=text, at=self._wall()
        )
        return row

    # What was done

    def _tool_called(self, known: _Known, call_sid: str, fields: Mapping[str, Any]) -> None:
        self._tool(known, call_sid, fields, at=self._wall())

    def _tool_answered(self, known: _Known, call_sid: str, fields: Mapping[str, Any]) -> None:
        self._tool(known, call_sid, fields, ok=True, ms=fields.get("ms"))

    def _tool_failed(self, known: _Known, call_sid: str, fields: Mapping[str, Any]) -> None:
        self._tool(known, call_sid, fields, ok=False, ms=fields.get("ms"), error=fields.get("code"))

    def _tool_cancelled(self, known: _Known, call_sid: str, fields: Mapping[str, Any]) -> None:
        self._tool(known, call_sid, fields, ok=False, ms=fields.get("ms"), error="cancelled")

    def _tool(self, known: _Known, call_sid: str, fields: Mapping[str, Any], **values: Any) -> None:
        row = f"{known.prefix}:{fields.get('tool_call_id')}"[:96]
        self._rows.put("tool_calls", id=row, call_sid=call_sid, tool=fields.get("tool"), **values)

    def _rung_climbed(self, known: _Known, call_sid: str, fields: Mapping[str, Any]) -> None:
        rung, cause = fields.get("rung"), fields.get("cause")
        self._rows.put("rungs", id=self._id(known), call_sid=call_sid, rung=rung, cause=cause, at=self._wall())

    def _transfer_begun(self, known: _Known, call_sid: str, fields: Mapping[str, Any]) -> None:
        known.transfer = self._id(known)
        kind, to_number = fields.get("kind"), _person(fields, "to_number")
        self._rows.put(
            "transfers", id=known.transfer, call_sid=call_sid, kind=kind, to_number=to_number, at=self._wall()
        )

    def _transfer_ended(self, known: _Known, call_sid: str, fields: Mapping[str, Any]) -> None:
        row, known.transfer = known.transfer or self._id(known), None
        told = {name: fields.get(name) for name in ("kind", "outcome", "talked_s", "broken")}
        self._rows.put("transfers", id=row, call_sid=call_sid, to_number=_person(fields, "to_number"), **told)

    @staticmethod
    def _id(known: _Known) -> str:
        known.others += 1
        return f"{known.prefix}:x{known.others}"

    _ENTER: Mapping[str, Callable[["CallRecorder", _Known, str, Mapping[str, Any]], None]] = {
        events.FLOW_CHOSEN.name: _chosen,
        events.CALL_ANSWERED.name: _begun,
        events.CALL_REFUSED.name: _begun,
        events.LANGUAGE_CHANGED.name: _language_changed,
        events.CALL_ENDED.name: _ended,
        events.AGENT_CONNECTED.name: _connected,
        events.CALLER_SAID.name: _caller_said,
        events.AGENT_SAID.name: _agent_said,
        events.AGENT_CORRECTED.name: _agent_corrected,
        events.PROMPT_PLAYED.name: _prompt_played,
        events.TOOL_CALLED.name: _tool_called,
        events.TOOL_ANSWERED.name: _tool_answered,
        events.TOOL_FAILED.name: _tool_failed,
        events.TOOL_CANCELLED.name: _tool_cancelled,
        events.RUNG_CLIMBED.name: _rung_climbed,
        events.TRANSFER_BEGUN.name: _transfer_begun,
        events.TRANSFER_ENDED.name: _transfer_ended,
    }


def _person(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(PII_PREFIX + name)
    return None if value is None else str(value)
