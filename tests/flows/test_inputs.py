import dataclasses

import pytest

from ivr_bridge.flows.model import AgentNode
from ivr_bridge.flows.moves import (
    AgentEnded,
    AgentGone,
    CallBegun,
    CallerSaid,
    DialEnded,
    FlowInput,
    HangUp,
    HttpAnswered,
    KeyPressed,
    LanguageChanged,
    MenuAsked,
    OptionChosen,
    PromptsPlayed,
    SentTo,
    StopPlaying,
    StreamResumed,
    TalkWithAgent,
    TimePassed,
    Transfer,
)
from tests.flows.line import Line, flow, said

EVERY = [
    CallBegun(),
    StreamResumed(),
    *(KeyPressed(key) for key in ("1", "0", "#", "*", "A", "", "12")),
    PromptsPlayed(),
    TimePassed(),
    CallerSaid("hello", "en"),
    OptionChosen("o"),
    MenuAsked(),
    AgentEnded(),
    AgentGone(),
    SentTo("a"),
    SentTo("nowhere"),
    LanguageChanged("es"),
    HttpAnswered({"x": "1"}),
    HttpAnswered(None),
    DialEnded(spoken=True),
    DialEnded(spoken=False),
]
A = {"kind": "prompt", "prompt": "a", "next": "bye"}
NODES = {
    "a": A,
    "menu": {"kind": "menu", "prompt": "m", "options": {"o": {"key": "1", "says": "o", "next": "a"}}, "otherwise": "a"},
    "talk": {"kind": "agent", "next": "a"},
    "last": {"kind": "agent"},
    "digits": {"kind": "digits", "prompt": "d", "variable": "x", "next": "a", "otherwise": "a"},
    "ask": {"kind": "language", "prompt": "l", "options": {"1": "es"}, "next": "a"},
    "http": {"kind": "http", "url": "http://shop.example", "next": "a", "failed": "bye"},
    "away": {"kind": "transfer", "number": "+15550100", "failed": "a"},
    "voicemail": {"kind": "voicemail"},
}
AT = ["bye", *NODES]


def line(at: str, person: str | None = "away") -> Line:
    made = Line(flow(NODES, start=at, person=person))
    made.begin()
    return made


ALIVE = {
    "a": [StreamResumed, KeyPressed, PromptsPlayed, SentTo],
    "menu": [
        StreamResumed, KeyPressed, CallerSaid, OptionChosen, AgentEnded, AgentGone, SentTo, LanguageChanged,
    ],
    "talk": [StreamResumed, KeyPressed, AgentEnded, AgentGone, SentTo],
    "last": [StreamResumed, KeyPressed, AgentEnded, AgentGone, SentTo],
    "digits": [StreamResumed, KeyPressed, SentTo],
    "ask": [StreamResumed, KeyPressed, SentTo, LanguageChanged],
    "http": [HttpAnswered, SentTo],
    "away": [DialEnded],
    "voicemail": [],
    "bye": [],
}  # fmt: skip
"""The inputs that have actions, by the node where the call has just arrived."""


@pytest.mark.parametrize("at", AT)
@pytest.mark.parametrize("happened", EVERY, ids=str)
def test_every_input_everywhere(at: str, happened: FlowInput) -> None:
    call = line(at)
    alive = type(happened) in ALIVE[at]
    nonsense = {KeyPressed("A"), KeyPressed(""), KeyPressed("12"), SentTo("nowhere")}
    if at in {"talk", "last"}:
        nonsense |= {KeyPressed(key) for key in "1#*"}
    if at == "digits":
        nonsense |= {KeyPressed("*")}
    if not isinstance(happened, HttpAnswered):
        alive = alive and happened not in nonsense
    assert bool(call.give(happened)) is alive


@pytest.mark.parametrize("at", ["bye", "voicemail"])
@pytest.mark.parametrize("happened", EVERY, ids=str)
def test_over_is_over(at: str, happened: FlowInput) -> None:
    call = line(at)
    before = call.state
    assert call.give(happened) == ()
    assert call.state is before


@pytest.mark.parametrize("at", ["menu", "talk", "digits"])
@pytest.mark.parametrize("happened", EVERY, ids=str)
def test_before_the_call_begins(happened: FlowInput, at: str) -> None:
    call = Line(flow(NODES, start=at))
    actions = call.give(happened)
    assert bool(actions) is isinstance(happened, CallBegun | StreamResumed)
    call.begin()
    assert call.where == at


def test_what_is_known_before_the_call_begins_holds() -> None:
    call = Line(flow(NODES, start="menu"))
    call.give(AgentGone())
    call.give(LanguageChanged("zh"))
    assert call.begin() == (said("m", language="zh"),)


def test_a_call_begins_once() -> None:
    call = line("menu")
    before = call.state
    assert call.begin() == ()
    assert call.state == before


# The agent has the floor


def test_the_agent_is_reached_and_left_by_0() -> None:
    call = line("talk")
    assert call.state.waiting == "agent"
    assert call.engine.agent_has_floor(call.state)
    assert call.keys("0") == (said("connecting_person", then_report=False), Transfer("+15550100", 25, node="away"))
    assert not call.engine.agent_has_floor(call.state)


def test_0_without_a_person_is_the_agents() -> None:
    assert line("talk", person=None).keys("0") == ()


def test_0_stops_the_agent_where_no_prompt_follows() -> None:
    nodes = {**NODES, "away": {**NODES["away"], "prompt": None}}
    call = Line(flow(nodes, start="talk", person="away"))
    call.begin()
    assert call.keys("0") == (StopPlaying(), Transfer("+15550100", 25, node="away"))


def test_the_conversation_ends_well() -> None:
    assert line("talk").give(AgentEnded()) == (said("a"),)
    assert line("last").give(AgentEnded()) == (HangUp(),)


def test_after_its_conversation_an_agent_is_not_counted_on_until_it_is_heard_of() -> None:
    nodes = {**NODES, "talk": {"kind": "agent", "next": "menu"}, "a": {**A, "next": "talk"}}
    call = Line(flow(nodes, start="talk"))
    call.begin()
    assert call.give(AgentEnded()) == (said("m"),)
    call.keys("1")
    assert isinstance(call.give(PromptsPlayed())[0], TalkWithAgent)
    assert not call.state.agent_there
    assert call.give(CallerSaid("hello again")) == ()
    assert call.state.agent_there


def test_no_agent_and_no_rung_is_no_way_out() -> None:
    call = line("talk")
    assert call.give(AgentGone()) == (HangUp("no_way_out"),)
    assert not call.state.agent_there


def test_a_rung_sends_the_call_to_a_menu_and_then_the_agent_is_gone() -> None:
    call = line("talk")
    call.give(SentTo("menu"))
    call.give(AgentGone())
    assert (call.where, call.state.waiting, call.state.agent_there) == ("menu", "key", False)


def test_there_is_no_menu_to_show() -> None:
    assert line("talk").give(MenuAsked()) == ()


def test_a_menu_of_another_flow_is_shown() -> None:
    options = {"o": {"key": "1", "says": "o", "next": "go"}}
    menu = {**NODES["menu"], "options": options, "otherwise": "bye"}
    first = flow({"menu": menu, "go": {"kind": "flow", "flow": "second"}})
    call = Line({"first": first, "second": flow({"talk": {"kind": "agent"}})})
    call.begin()
    call.keys("1")
    assert (call.state.flow, call.where) == ("second", "talk")
    assert call.give(MenuAsked())[-1] == said("m")
    assert (call.state.flow, call.where) == ("first", "menu")


def test_another_stream_in_the_middle_of_talk() -> None:
    call = line("talk")
    node = AgentNode.model_validate(NODES["talk"])
    assert call.give(StreamResumed()) == (TalkWithAgent(node, greet=False, told=""),)


@pytest.mark.parametrize("at", ["http", "away"])
def test_what_is_not_waited_for_in_the_stream_goes_on(at: str) -> None:
    call = line(at)
    before = call.state
    assert call.give(StreamResumed()) == ()
    assert call.state == before


def test_nobody_is_sent_anywhere_while_a_person_is_dialled() -> None:
    call = line("away")
    assert call.give(SentTo("menu")) == ()
    assert call.give(DialEnded(spoken=False)) == (said("a"),)


def test_an_agent_that_goes_while_a_person_is_dialled() -> None:
    call = Line(flow({**NODES, "away": {**NODES["away"], "failed": "menu"}}, start="away"))
    call.begin()
    assert call.give(AgentGone()) == ()
    assert call.give(DialEnded(spoken=False)) == (said("m"),), "digits only"


def test_language_follows_without_echo() -> None:
    call = line("talk")
    assert call.give(LanguageChanged("es")) == ()
    assert call.give(AgentEnded()) == (said("a", language="es"),)
    assert call.engine.values(call.state)["language"] == "es"


def test_inputs_leave_the_state_before_them_alone() -> None:
    call = line("menu")
    before = dataclasses.replace(call.state)
    held = call.state
    call.keys("1")
    assert held == before
