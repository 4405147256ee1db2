from types import SimpleNamespace
from typing import Any

import pytest

from ivr_bridge.cli.call_events import ServerEvent
from ivr_bridge.cli.call_story import CallStory
from ivr_bridge.simulator.phone.report import CallReport, PhoneEvent


class Shown:
    """What a story prints."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self.times_ms: list[float] = []
        self.story = CallStory(self._show)

    def _show(self, at_ms: float, who: str, text: str) -> None:
        self.times_ms.append(at_ms)
        self.lines.append((who, text))

    def server(self, name: str, **fields: Any) -> None:
        self.story.server_event(ServerEvent(name, {key.replace("pii_", "pii."): fields[key] for key in fields}))


def report(**fields: Any) -> CallReport:
    return CallReport(**{"call_sid": "CA1", "result": "completed", "reason": "caller_hung_up", **fields})


def test_who_said_what_is_what_the_server_understood():
    shown = Shown()
    shown.server("caller.said", event_id=1, pii_text="book a table")
    shown.server("agent.said", event_id=2, pii_text="For how many?")
    shown.server("agent.corrected", event_id=2, pii_text="For how")
    shown.story.phone_event(PhoneEvent("caller_speaking", 5.0, "I would like to book a table."))
    turns = shown.story.account(report(), None)["turns"]
    assert [(turn["who"], turn["text"]) for turn in turns] == [("caller", "book a table"), ("agent", "For how many?")]
    assert shown.lines == [("caller", "book a table"), ("agent", "For how many?")]


def test_times_count_from_the_streams_start(monkeypatch: pytest.MonkeyPatch):
    now = 100.0
    monkeypatch.setattr("ivr_bridge.cli.call_story.time", SimpleNamespace(monotonic=lambda: now))
    shown = Shown()
    shown.story._placed_at = now
    now = 107.0
    shown.server("prompt.played", prompt="busy")
    shown.story.phone_event(PhoneEvent("stream_started", 7000.0))
    now = 108.5
    shown.server("agent.said", event_id=1, pii_text="hello")
    assert shown.times_ms == [7000, 1500]
    assert shown.story.turns[0]["at_ms"] == 1500


def test_tool_calls_in_the_order_they_were_asked_for():
    shown = Shown()
    for tool_call_id, tool in (("1", "slow"), ("2", "quick"), ("3", "broken"), ("4", "unfinished"), ("5", "cut")):
        shown.server("tool.called", tool=tool, tool_call_id=tool_call_id, pii_arguments="{}")
    shown.server("tool.answered", tool="quick", tool_call_id="2", ms=3.1, pii_result="done")
    shown.server("tool.failed", tool="broken", tool_call_id="3", ms=2.0, code="tool_error", error="ValueError")
    shown.server("tool.answered", tool="slow", tool_call_id="1", ms=900.0, pii_result="")
    shown.server("tool.cancelled", tool="cut", tool_call_id="5", ms=4.0)
    shown.server("tool.answered", tool="never asked for", tool_call_id="9", ms=1.0)
    assert shown.story.account(report(), None)["tool_calls"] == [
        {"name": "slow", "ok": True, "ms": 900.0},
        {"name": "quick", "ok": True, "ms": 3.1},
        {"name": "broken", "ok": False, "ms": 2.0},
        {"name": "unfinished", "ok": False, "ms": None},
        {"name": "cut", "ok": False, "ms": 4.0},
    ]
    assert shown.lines[5:9] == [
        ("tool", "done"),
        ("tool", "ValueError"),
        ("tool", "tool.answered"),
        ("tool", "tool.cancelled"),
    ]


def test_barge_ins_and_prompts_are_shown():
    shown = Shown()
    shown.server("caller.barged_in", event_id=1, heard_ms=812.4, pii_heard="We are open")
    shown.server("caller.barged_in", event_id=2)
    shown.server("prompt.played", prompt="goodbye_silence", language="en")
    assert shown.lines == [
        ("barge-in", "after 812 ms: heard “We are open”"),
        ("barge-in", "after 0 ms: heard “”"),
        ("prompt", "goodbye_silence"),
    ]
    assert shown.story.account(report(), None)["barge_ins"] == 2


def test_what_the_network_does_is_shown():
    shown = Shown()
    for kind in ("said_by_network", "played_by_network", "dialled", "digits", "violation", "webhook_answered"):
        shown.story.phone_event(PhoneEvent(kind, 1.0, "words"))
    assert [who for who, _ in shown.lines] == ["twilio", "played", "dialled", "digits", "violation"]


def test_flow_and_ladder_are_shown():
    shown = Shown()
    shown.server("node.entered", flow="main", node="top", kind="menu")
    shown.server("option.chosen", node="top", option="sales", by="key")
    shown.server("rung.climbed", rung="retry", cause="lost", number=1)
    shown.server("filler.played", why="failure: music", after_ms=1500)
    shown.server("call.handed_over")
    assert shown.lines == [
        ("flow", "main/top"),
        ("flow", "option sales by key"),
        ("ladder", "retry: lost"),
        ("filler", "failure: music"),
        ("flow", "to "),
    ]


@pytest.mark.parametrize(
    ("phone", "server", "told"),
    [
        (("completed", "caller_hung_up"), None, ("completed", "caller_hung_up")),
        (("failed", "unreachable"), None, ("failed", "unreachable")),
        (("completed", "agent_hung_up"), ("failed", "agent_lost"), ("failed", "agent_lost")),
        (("cut_off", "stream_lost"), ("completed", "caller_hung_up"), ("completed", "caller_hung_up")),
        (("failed", "no_answer"), ("completed", "caller_hung_up"), ("failed", "no_answer")),
        (("failed", "too_long"), ("completed", "caller_hung_up"), ("failed", "too_long")),
        (("refused", "turned_away"), ("refused", "busy"), ("refused", "busy")),
    ],
)
def test_how_it_ended(phone: Any, server: Any, told: Any):
    shown = Shown()
    if server is not None:
        shown.server("call.ended", result=server[0], reason=server[1], turns=3)
    account = shown.story.account(report(result=phone[0], reason=phone[1]), None)
    assert (account["result"], account["reason"]) == told


def test_what_the_phone_measured_is_in_the_account():
    seen = report(first_word_ms=81.0, turn_latency_ms=[310.0, 290.5], webhook_ms=4.2, violations=["v"])
    account = Shown().story.account(seen, "call.wav")
    assert (account["first_word_ms"], account["turn_latency_ms"]) == (81.0, [310.0, 290.5])
    assert (account["recording"], account["webhook_ms"], account["violations"]) == ("call.wav", 4.2, ["v"])
    assert (account["turns"], account["barge_ins"], account["tool_calls"]) == ([], 0, [])
