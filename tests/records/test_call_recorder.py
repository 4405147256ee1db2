"""Every event that means a row, and that no other one does."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ivr_bridge.records import call_recorder as module
from ivr_bridge.records.call_recorder import CallRecorder
from ivr_bridge.records.tables import key_of, metadata
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.events import CATALOGUE, Event
from ivr_bridge.telemetry.log import Log
from tests.support.call_scene import Outside, hangs_up
from tests.support.call_scene import Scene as CallScene
from tests.support.menu_calls import play_menu, presses, says, transcribes

SID = "CA" + "1" * 32
BEGAN = datetime(2026, 3, 1, 8, tzinfo=UTC)
PREFIX = f"{SID}:{int(BEGAN.timestamp() * 1000):x}"


class Rows:
    """Rows as a database would have them; a column that there is not is an error."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, dict[str, Any]]] = {}

    def put(self, table: str, **values: Any) -> None:
        known = metadata.tables[table]
        assert values.keys() <= set(known.c.keys())
        key = values[key_of(known)]
        assert len(key) <= (known.c[key_of(known)].type.length or 0)
        self.tables.setdefault(table, {}).setdefault(key, {}).update(values)

    def of(self, table: str) -> list[dict[str, Any]]:
        """Without what is empty, the call's sid and the moments."""
        return [
            {name: value for name, value in row.items() if value is not None and name not in ("call_sid", "at")}
            for row in self.tables.get(table, {}).values()
        ]


class Scene:
    """A log with a recorder that listens."""

    def __init__(self) -> None:
        self.rows = Rows()
        self.now = BEGAN
        self.server = Log(CallRecorder(self.rows, lambda: self.now))
        self.log = self.server.bind(call_sid=SID)

    def answered(self) -> None:
        self.log.emit(events.FLOW_CHOSEN, flow="main", language="es")
        pii = {"caller": "+15550100001", "called": "+15550100002"}
        self.log.emit(events.CALL_ANSWERED, ms=3.0, direction="inbound", pii=pii)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_call_begins_and_ends(scene: Scene) -> None:
    scene.answered()
    scene.now += timedelta(seconds=12)
    scene.log.emit(events.LANGUAGE_CHANGED, language="en", before="es", by="caller")
    scene.log.emit(
        events.CALL_ENDED, result="completed", reason="caller_hung_up", by="caller", duration_s=12.34, turns=3
    )
    assert scene.rows.of("calls") == [
        {
            "direction": "inbound",
            "caller": "+15550100001",
            "called": "+15550100002",
            "flow": "main",
            "language": "en",
            "began_at": BEGAN,
            "ended_at": BEGAN + timedelta(seconds=12),
            "duration_s": 12.3,
            "termination": "caller_hung_up",
            "account": {"result": "completed", "reason": "caller_hung_up", "by": "caller", "turns": 3},
        }
    ]
    assert "+1555" not in str(scene.rows.of("calls")[0]["account"])


def test_a_refused_call_has_a_row_too(scene: Scene) -> None:
    pii = {"caller": "+15550100001", "called": "+15550100002"}
    scene.log.emit(events.CALL_REFUSED, reason="busy", prompt="busy", live_calls=9, direction="inbound", pii=pii)
    scene.log.emit(events.CALL_ENDED, reason="busy", duration_s=0.0)
    [row] = scene.rows.of("calls")
    assert (row["caller"], row["termination"]) == ("+15550100001", "busy")


def test_what_was_said_in_its_order_and_as_it_was_heard(scene: Scene) -> None:
    scene.answered()
    scene.log.emit(events.PROMPT_PLAYED, prompt="welcome", language="es")
    scene.log.emit(events.AGENT_SAID, event_id=1, pii={"text": "Good morning, how can I help you today?"})
    scene.log.emit(events.CALLER_SAID, event_id=2, pii={"text": "A table"})
    scene.log.emit(events.AGENT_CORRECTED, event_id=1, pii={"text": "Good morning,"})
    scene.log.emit(events.AGENT_CORRECTED, event_id=9, pii={"text": "of nobody"})
    said = [(row["id"], row["position"], row["speaker"], row["text"]) for row in scene.rows.of("turns")]
    assert said == [
        (f"{PREFIX}:1", 1, "line", "[welcome]"),
        (f"{PREFIX}:2", 2, "agent", "Good morning,"),
        (f"{PREFIX}:3", 3, "caller", "A table"),
    ]


def test_another_conversation_counts_anew(scene: Scene) -> None:
    for number, text in enumerate(("first", "second"), 1):
        scene.log.emit(
            events.AGENT_CONNECTED,
            conversation_id=f"conv_{number}",
            agent_id=f"agent_{number}",
            ms=1.0,
            input_format="x",
            output_format="x",
        )
        scene.log.emit(events.AGENT_SAID, event_id=1, pii={"text": text})
    scene.log.emit(events.AGENT_CORRECTED, event_id=1, pii={"text": "sec"})
    assert [row["text"] for row in scene.rows.of("turns")] == ["first", "sec"]
    assert scene.rows.of("conversations") == [
        {"conversation_id": "conv_1", "agent_id": "agent_1"},
        {"conversation_id": "conv_2", "agent_id": "agent_2"},
    ]
    assert {row["call_sid"] for row in scene.rows.tables["conversations"].values()} == {SID}
    assert scene.rows.of("calls")[0]["agent_id"] == "agent_2"


def test_tools_without_what_they_were_given_or_gave(scene: Scene) -> None:
    for number in range(4):
        scene.log.emit(events.TOOL_CALLED, tool="book", tool_call_id=f"t{number}", pii={"arguments": "Ann at 8"})
    scene.log.emit(events.TOOL_ANSWERED, tool="book", tool_call_id="t0", ms=7.0, pii={"result": "Ann has a table"})
    scene.log.emit(events.TOOL_FAILED, tool="book", tool_call_id="t1", ms=8.0, code="too_slow", error="Ann waited")
    scene.log.emit(events.TOOL_CANCELLED, tool="book", tool_call_id="t2", ms=9.0)
    scene.log.emit(events.TOOL_CALLED, tool="book", tool_call_id="x" * 500, pii={"arguments": ""})
    rows = scene.rows.of("tool_calls")
    assert rows[:4] == [
        {"id": f"{PREFIX}:t0", "tool": "book", "ok": True, "ms": 7.0},
        {"id": f"{PREFIX}:t1", "tool": "book", "ok": False, "ms": 8.0, "error": "too_slow"},
        {"id": f"{PREFIX}:t2", "tool": "book", "ok": False, "ms": 9.0, "error": "cancelled"},
        {"id": f"{PREFIX}:t3", "tool": "book"},
    ]
    assert all(row["at"] == BEGAN for row in scene.rows.tables["tool_calls"].values())
    assert "Ann" not in str(scene.rows.tables)


def test_rungs_and_transfers(scene: Scene) -> None:
    scene.log.emit(events.RUNG_CLIMBED, rung="retry", cause="lost", step=1, ms_since_failure=3.0)
    for outcome in ("busy", "completed"):
        scene.log.emit(events.TRANSFER_BEGUN, kind="cold", node="desk", pii={"to_number": "+15550100003"})
        scene.log.emit(
            events.TRANSFER_ENDED,
            kind="cold",
            node="desk",
            outcome=outcome,
            talked_s=3.0,
            broken=False,
            pii={"to_number": "+15550100003"},
        )
    scene.log.emit(events.TRANSFER_ENDED, kind="warm", node="desk", outcome="failed", talked_s=0.0, broken=True, pii={})
    assert scene.rows.of("rungs") == [{"id": f"{PREFIX}:x1", "rung": "retry", "cause": "lost"}]
    told = [(row["id"], row["kind"], row["outcome"], row["broken"]) for row in scene.rows.of("transfers")]
    assert told == [
        (f"{PREFIX}:x2", "cold", "busy", False),
        (f"{PREFIX}:x3", "cold", "completed", False),
        (f"{PREFIX}:x4", "warm", "failed", True),
    ]
    assert scene.rows.of("transfers")[0]["to_number"] == "+15550100003"


def test_the_same_call_in_another_process_has_rows_of_its_own(scene: Scene) -> None:
    scene.answered()
    scene.log.emit(events.CALLER_SAID, event_id=1, pii={"text": "hello"})
    other = Scene()
    other.rows, other.now = scene.rows, BEGAN + timedelta(seconds=5)
    other.server.tell(CallRecorder(scene.rows, lambda: other.now))
    other.log.emit(events.CALLER_SAID, event_id=1, pii={"text": "hello again"})
    assert [row["text"] for row in scene.rows.of("turns")] == ["hello", "hello again"]


def test_what_belongs_to_no_call_and_what_no_row_is_made_of(scene: Scene) -> None:
    scene.server.emit(events.AGENT_CONNECTED, conversation_id="conv_1", agent_id="a", ms=1.0)
    scene.log.emit(events.CALLER_KEYED, pii={"digit": "7"})
    scene.log.emit(events.DIGITS_COLLECTED, node="pin", n_digits=4, sensitive=True, pii={"digits": "1234"})
    assert scene.rows.tables == {}


@pytest.mark.parametrize("event", CATALOGUE.values(), ids=lambda event: event.name)
def test_no_event_in_any_form_breaks_a_call(scene: Scene, event: Event) -> None:
    """What the far ends send stands in some fields; nothing of it may raise in the middle of a call."""
    for value in (None, "", "x" * 1000, 7, 7.5, True, "\ud800"):
        fields = dict.fromkeys(set(event.fields) - {"call_sid"}, value)
        scene.log.emit(event, pii=dict.fromkeys(event.pii, value), **fields)
    scene.log.emit(event)


def test_digits_and_tools_are_in_no_row_whatever_they_were(scene: Scene) -> None:
    """Of all events, each field of a person marked with its name: which marks are in rows."""
    scene.answered()
    for event in CATALOGUE.values():
        if event is not events.CALL_ENDED:
            scene.log.emit(event, pii={name: f"<{event.name}.{name}>" for name in event.pii}, conversation_id="c1") if (
                "conversation_id" in event.fields
            ) else scene.log.emit(event, pii={name: f"<{event.name}.{name}>" for name in event.pii})
    found = str(scene.rows.tables)
    marks = {f"<{event.name}.{name}>" for event in CATALOGUE.values() for name in event.pii}
    assert {mark for mark in marks if mark in found} <= {
        "<call.answered.caller>",
        "<call.answered.called>",
        "<call.refused.caller>",
        "<call.refused.called>",
        "<caller.said.text>",
        "<agent.said.text>",
        "<agent.corrected.text>",
        "<transfer.begun.to_number>",
        "<transfer.ended.to_number>",
    }


def test_calls_that_never_end_do_not_fill_the_memory(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CALLS_KNOWN", 10)
    recorder = CallRecorder(scene.rows)
    for number in range(50):
        recorder.heard(events.CALLER_SAID, {"call_sid": f"CA{number}", "pii.text": "x"})
    assert len(recorder._calls) == 10
    recorder.heard(events.CALL_ENDED, {"call_sid": "CA49"})
    assert len(recorder._calls) == 9
    for number in range(200):
        recorder.heard(events.AGENT_SAID, {"call_sid": "CA48", "event_id": number, "pii.text": "x"})
    assert len(recorder._calls["CA48"].replies) <= 50


class OfCall:
    """A recorder for a scene whose log has no call bound."""

    def __init__(self, rows: Rows) -> None:
        self._recorder = CallRecorder(rows)

    def heard(self, event: Event, fields: Mapping[str, Any]) -> None:
        self._recorder.heard(event, {**fields, "call_sid": SID})


@pytest.mark.parametrize(("option", "number"), [("4", "4711"), ("3", "80012#")], ids=["sensitive", "not"])
def test_sensitive_digits_of_a_whole_call_are_in_no_row(option: str, number: str) -> None:
    """Of digits that are not sensitive neither: the agent's conversation has them, and it alone."""
    rows = Rows()

    async def story(call: CallScene) -> None:
        call.call._parts.log.tell(OfCall(rows))
        await presses(call, option, after_s=0.2)
        await presses(call, *number, after_s=0.3)
        await asyncio.sleep(1)
        says(call.agent, "Thank you.", 500, 1)
        transcribes(call.agent, "You are welcome", 2)
        await asyncio.sleep(1)
        await hangs_up(call)

    play_menu(story, outside=Outside())
    assert {row["speaker"] for row in rows.of("turns")} == {"line", "agent", "caller"}
    assert number.strip("#") not in str(rows.tables)
