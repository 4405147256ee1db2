"""A call's way through its flow, from stream to stream."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from ivr_bridge.bridge.journey import Journey, utc_now
from ivr_bridge.flows.engine import Engine
from ivr_bridge.flows.hours import HoursFile
from ivr_bridge.flows.model import AgentNode, Flow, HangUpNode, MenuNode
from ivr_bridge.flows.moves import (
    AgentGone,
    CallBegun,
    CallerSaid,
    KeyPressed,
    OpenMenu,
    Play,
    PromptsPlayed,
    TakeVoicemail,
    TalkWithAgent,
    Transfer,
)
from ivr_bridge.telemetry.log import Log
from tests.support.virtual_time import run_virtual

FLOW: dict[str, Any] = {
    "disclosure": False,
    "start": "menu",
    "nodes": {
        "menu": {
            "kind": "menu",
            "prompt": "main_menu",
            "options": {
                "talk": {"key": "1", "says": "talk", "next": "agent"},
                "desk": {"key": "2", "says": "a person", "next": "desk"},
            },
            "otherwise": "bye",
        },
        "agent": {"kind": "agent", "dynamic_variables": {"who": "{caller}"}},
        "desk": {"kind": "transfer", "number": "+15550100", "failed": "menu"},
        "bye": {"kind": "hang_up", "prompt": "goodbye"},
    },
}
WALL = datetime(2026, 3, 2, 12, tzinfo=UTC)  # a Monday


def way(flow: dict[str, Any] = FLOW, wall: Callable[[], datetime] = lambda: WALL, **calendars: Any) -> Journey:
    hours = HoursFile.model_validate({"hours": calendars}).hours
    engine = Engine({"main": Flow.model_validate(flow)}, hours, {})
    return Journey(engine, "main", "es", {"caller": "+15550100001"}, Log(), wall=wall)


def play(story: Callable[[Journey], Awaitable[None]]) -> list[Any]:
    async def scene() -> None:
        await story(way())

    with capture_logs() as logs:
        run_virtual(scene())
    return logs


def test_at_the_beginning() -> None:
    with capture_logs() as logs:
        made = way()
    assert logs == [{"event": "flow.chosen", "log_level": "info", "flow": "main", "language": "es"}]
    assert (made.language, made.pending, made.leaving, made.vendors_twiml) == ("es", (), None, None)
    assert isinstance(made.node, MenuNode)
    assert made.flow.start == "menu"
    assert made.values["caller"] == "+15550100001"
    assert made.values["language"] == "es"
    assert made.options == {}, "no menu is open yet"


def test_steps_are_told_where_they_lead() -> None:
    async def story(made: Journey) -> None:
        actions = made.step(CallBegun())
        assert OpenMenu({"talk": "talk", "desk": "a person"}) in actions
        assert Play((("main_menu", "es"),)) in actions
        assert made.options == {"talk": "talk", "desk": "a person"}
        assert made.agent_node is None
        made.step(PromptsPlayed())
        made.step(KeyPressed("7"))
        [talk] = [action for action in made.step(KeyPressed("1")) if isinstance(action, TalkWithAgent)]
        assert talk.node is made.agent_node
        assert isinstance(made.agent_node, AgentNode)

    logs = play(story)
    assert [(line["node"], line["kind"]) for line in logs if line["event"] == "node.entered"] == [
        ("menu", "menu"),
        ("agent", "agent"),
    ]


def test_the_clock_of_a_step_is_the_loops() -> None:
    async def story(made: Journey) -> None:
        made.step(CallBegun())
        await asyncio.sleep(7)
        made.step(PromptsPlayed())
        assert made.state.due_at == asyncio.get_running_loop().time() + 5.0

    play(story)


def test_what_a_stream_was_left_for_is_over() -> None:
    async def story(made: Journey) -> None:
        made.leaving, made.said_on_leaving, made.vendors_twiml = Transfer("+1"), True, "<Response/>"
        made.came_back()
        assert (made.leaving, made.said_on_leaving, made.vendors_twiml) == (None, False, None)

    play(story)


def test_an_agent_that_is_gone_may_come_back() -> None:
    async def story(made: Journey) -> None:
        made.step(CallBegun())
        made.step(AgentGone())
        assert made.options == {}
        made.agent_back()
        assert made.state.agent_there
        assert made.options
        made.step(CallerSaid("hello"))
        assert made.state.conversing

    play(story)


def test_the_end_takes_nothing_more() -> None:
    async def story(made: Journey) -> None:
        made.step(CallBegun())
        for _ in range(10):
            made.step(KeyPressed("9"))
        assert isinstance(made.node, HangUpNode)
        assert made.step(KeyPressed("1")) == ()

    logs = play(story)
    assert [line["node"] for line in logs if line["event"] == "node.entered"] == ["menu", "bye"]


@pytest.mark.parametrize(("hour", "needed"), [(12, True), (3, False)])
def test_whether_an_agent_is_dialled_is_told_by_the_opening_hours(hour: int, needed: bool) -> None:
    nodes = {
        "hours": {"kind": "hours", "hours": "shop", "open": "agent", "closed": "message"},
        "agent": {"kind": "agent"},
        "message": {"kind": "voicemail"},
    }
    flow = {"disclosure": False, "start": "hours", "nodes": nodes}
    shop = {"time_zone": "UTC", "week": {"monday": ["09:00-17:00"]}}
    made = way(flow, lambda: WALL.replace(hour=hour), shop=shop)
    assert made.may_need_agent is needed


def test_a_voicemail_is_the_last_node() -> None:
    async def story(_made: Journey) -> None:
        made = way({"disclosure": False, "start": "m", "nodes": {"m": {"kind": "voicemail", "max_s": 30}}})
        assert made.step(CallBegun()) == (TakeVoicemail("leave_message", 30),)
        assert not made.may_need_agent

    play(story)


def test_the_wall_clock_has_a_zone() -> None:
    assert utc_now().tzinfo is UTC


def test_no_agent_is_dialled_for_a_message_that_only_needs_a_stream() -> None:
    nodes = {**FLOW["nodes"], "desk": {"kind": "voicemail"}}

    async def story() -> None:
        made = way({**FLOW, "nodes": nodes})
        made.step(CallBegun())
        assert made.may_need_agent
        assert made.step(KeyPressed("2"))[-1] == TakeVoicemail("leave_message", 120)
        assert not made.may_need_agent

    run_virtual(story())
