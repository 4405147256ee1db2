import pytest

from ivr_bridge.flows.arrival import NODES_IN_SILENCE, holds
from ivr_bridge.flows.model import AgentNode, ConditionNode
from ivr_bridge.flows.moves import (
    AskHttp,
    DialEnded,
    HangUp,
    HttpAnswered,
    KeyPressed,
    Play,
    PromptsPlayed,
    SetLanguage,
    StopPlaying,
    TakeVoicemail,
    TalkWithAgent,
    Transfer,
)
from tests.flows.line import BYE, Line, flow, said

A = {"kind": "prompt", "prompt": "a", "next": "bye"}
B = {"kind": "prompt", "prompt": "b", "next": "bye"}
C = {"kind": "prompt", "prompt": "c", "next": "bye"}
VOICEMAIL = {"kind": "voicemail", "max_s": 60}
HTTP = {"kind": "http", "url": "https://shop.example/{account}", "next": "a", "failed": "b"}


def test_a_prompt_is_said_to_its_end() -> None:
    call = Line(flow({"a": {**A, "next": "b"}, "b": B}))
    assert call.begin() == (said("a"),)
    assert call.state.waiting == "prompt"
    assert call.give(PromptsPlayed()) == (said("b"),)
    assert call.give(PromptsPlayed()) == (said("goodbye", then_report=False), HangUp())
    assert call.state.waiting == "over"


def test_any_key_stops_a_prompt() -> None:
    call = Line(flow({"a": {**A, "next": "b"}, "b": {**B, "next": "talk"}, "talk": {"kind": "agent"}}, person="bye"))
    call.begin()
    assert call.keys("0") == (said("b"),)
    assert [type(a) for a in call.keys("5")] == [StopPlaying, TalkWithAgent]


@pytest.mark.parametrize(
    ("hours", "holiday", "where"),
    [("open", "c", "a"), ("closed", "c", "b"), ("holiday", "c", "c"), ("holiday", None, "b")],
)
def test_hours(hours: str, holiday: str | None, where: str) -> None:
    node = {"kind": "hours", "hours": "shop", "open": "a", "closed": "b", "holiday": holiday}
    call = Line(flow({"hours": node, "a": A, "b": B, "c": C}), hours=hours)
    call.begin()
    assert call.where == where


def test_hours_that_nobody_wrote_are_closed() -> None:
    call = Line(flow({"hours": {"kind": "hours", "hours": "moon", "open": "a", "closed": "b"}, "a": A, "b": B}))
    call.begin()
    assert call.where == "b"


@pytest.mark.parametrize(
    ("question", "value", "fits"),
    [
        ({"equals": "x"}, "x", True),
        ({"equals": "x"}, "xx", False),
        ({"equals": ""}, "", True),
        ({"one_of": ["x", "y"]}, "y", True),
        ({"one_of": ["xy"]}, "x", False),
        ({"matches": r"\+49.*"}, "+4930", True),
        ({"matches": "49"}, "+4930", False),
        ({"matches": ""}, "", True),
    ],
)
def test_a_condition(question: dict[str, object], value: str, fits: bool) -> None:
    node = ConditionNode.model_validate(
        {"kind": "condition", "variable": "v", "then": "a", "otherwise": "b", **question}
    )
    assert holds(node, value) is fits
    call = Line(flow({"ask": node, "a": A, "b": B}), variables={"v": value})
    call.begin()
    assert call.where == ("a" if fits else "b")


def test_a_condition_on_the_language_and_on_nothing() -> None:
    node = {"kind": "condition", "variable": "language", "equals": "es", "then": "a", "otherwise": "b"}
    call = Line(flow({"ask": node, "a": A, "b": B}), language="es")
    call.begin()
    assert call.where == "a"
    call = Line(flow({"ask": {**node, "variable": "nothing", "equals": ""}, "a": A, "b": B}))
    call.begin()
    assert call.where == "a", "what was never filled is empty"


def test_set_fills_a_variable_from_others() -> None:
    node = {"kind": "set", "variable": "greeting", "value": "{caller} {language} {greeting}{nothing}", "next": "a"}
    call = Line(flow({"set": node, "a": A}), variables={"caller": "+1", "greeting": "hi"})
    call.begin()
    assert call.state.variables == {"caller": "+1", "greeting": "+1 en hi"}


def test_another_flow_keeps_variables_and_language() -> None:
    first = flow(
        {
            "set": {"kind": "set", "variable": "x", "value": "1", "next": "speak"},
            "speak": {"kind": "language", "language": "es", "next": "go"},
            "go": {"kind": "flow", "flow": "second"},
        }
    )
    second = flow({"here": {"kind": "prompt", "prompt": "here", "next": "bye"}}, disclosure="disclosure", language="zh")
    call = Line({"first": first, "second": second})
    assert call.begin() == (SetLanguage("es"), said("here", language="es")), "its disclosure is not said either"
    assert (call.state.flow, call.where, call.state.variables) == ("second", "here", {"x": "1"})
    assert call.engine.flow(call.state) is second


def test_http_asks_with_everything_filled_in() -> None:
    node = {
        **HTTP, "method": "POST", "url": "https://shop.example/{account}?l={language}",
        "headers": {"authorization": "Bearer ${KEY}", "x-caller": "{caller}"},
        "body": {"account": "{account}", "n": [1, "{nothing}"]},
    }  # fmt: skip
    call = Line(
        flow({"http": node, "a": A, "b": B}),
        variables={"account": "1/2", "caller": "${KEY}"},
        environ={"KEY": "secret"},
    )
    asked = AskHttp(
        flow="main",
        node="http",
        url="https://shop.example/1%2F2?l=en",
        headers={"authorization": "Bearer secret", "x-caller": "${KEY}"},
        body={"account": "1/2", "n": [1, ""]},
    )
    assert call.begin() == (asked,)
    assert (call.state.waiting, call.state.due_at) == ("http", None)
    assert call.give(HttpAnswered({"name": "Ana", "long": "x" * 5000})) == (said("a"),)
    assert call.state.variables["name"] == "Ana"
    assert len(call.state.variables["long"]) == 4000


def test_http_fails() -> None:
    call = Line(flow({"http": HTTP, "a": A, "b": B}))
    call.begin()
    assert call.give(HttpAnswered(None)) == (said("b"),)


def test_a_transfer_says_its_prompt_and_leaves() -> None:
    call = Line(flow({"t": {"kind": "transfer", "number": "+15550100", "ring_s": 30, "failed": "a"}, "a": A}))
    assert call.begin() == (said("connecting_person", then_report=False), Transfer("+15550100", 30, node="t"))
    assert call.state.waiting == "away"
    assert call.give(DialEnded(spoken=False)) == (said("a"),)


def test_a_transfer_that_was_answered_ends_the_call() -> None:
    call = Line(flow({"t": {"kind": "transfer", "number": "+15550100", "failed": "a"}, "a": A}))
    call.begin()
    assert call.give(DialEnded(spoken=True)) == (HangUp(),)
    assert call.state.waiting == "over"


@pytest.mark.parametrize(
    ("environ", "actions"),
    [
        ({"DESK": "+15550100"}, (Transfer("+15550100", 25, node="t"),)),
        ({"DESK": " "}, (said("a"),)),
        ({}, (said("a"),)),
    ],
)
def test_a_number_from_the_environment(environ: dict[str, str], actions: tuple[object, ...]) -> None:
    node = {"kind": "transfer", "number": "${DESK}", "prompt": None, "failed": "a"}
    assert Line(flow({"t": node, "a": A}), environ=environ).begin() == actions


def test_the_number_is_no_reading_matter() -> None:
    assert "5550100" not in repr(Transfer("+15550100"))


def test_who_records_and_how_much_silence_ends_it_is_the_nodes() -> None:
    node = {"kind": "voicemail", "record": "twilio", "silence_s": 7}
    assert Line(flow({"v": node})).begin() == (TakeVoicemail("leave_message", 120, "twilio", 7),)


def test_a_voicemail_ends_the_call() -> None:
    call = Line(flow({"v": VOICEMAIL}))
    assert call.begin() == (TakeVoicemail("leave_message", 60),)
    assert call.state.waiting == "over"


def test_hanging_up_without_a_word() -> None:
    assert Line(flow({"end": {"kind": "hang_up"}}, disclosure="disclosure")).begin() == (HangUp(),)


# The first words

DISCLOSED = {"disclosure": "disclosure"}
AGENT = {"kind": "agent", "told": "From {caller}."}


@pytest.mark.parametrize(
    ("node", "play"),
    [
        (A, said("disclosure", "a")),
        (BYE, said("disclosure", "goodbye", then_report=False)),
        (VOICEMAIL, said("disclosure", then_report=False)),
        ({"kind": "transfer", "number": "+15550100", "failed": "bye"},
         said("disclosure", "connecting_person", then_report=False)),
        ({"kind": "transfer", "number": "+15550100", "prompt": None, "failed": "bye"},
         said("disclosure", then_report=False)),
        ({"kind": "menu", "prompt": "a", "agent": False, "options": {"o": {"key": "1", "says": "o", "next": "bye"}},
          "otherwise": "bye"}, said("disclosure", "a")),
        ({"kind": "digits", "prompt": "a", "variable": "v", "next": "bye", "otherwise": "bye"},
         said("disclosure", "a")),
        ({"kind": "language", "prompt": "a", "options": {"1": "es"}, "next": "bye"},
         Play((("disclosure", "en"), ("a", "es")))),
    ],
)  # fmt: skip
def test_the_disclosure_is_part_of_the_first_words(node: dict[str, object], play: Play) -> None:
    call = Line(flow({"first": node}, **DISCLOSED))
    assert call.begin()[0] == play
    assert call.state.disclosure == ""


def test_the_disclosure_is_said_once() -> None:
    call = Line(flow({"a": {**A, "next": "b"}, "b": B}, **DISCLOSED))
    call.begin()
    assert call.give(KeyPressed("1")) == (said("b"),)


def test_the_disclosure_goes_before_the_agents_greeting() -> None:
    call = Line(flow({"talk": AGENT}, **DISCLOSED), variables={"caller": "+1"})
    talk = TalkWithAgent(AgentNode.model_validate(AGENT), greet=True, told="From +1.")
    assert call.begin() == (said("disclosure", then_report=False), talk)


def test_an_answer_may_come_before_the_first_words() -> None:
    call = Line(flow({"http": {**HTTP, "next": "talk"}, "talk": AGENT, "b": B}, **DISCLOSED))
    assert [type(a) for a in call.begin()] == [AskHttp]
    play, talk = call.give(HttpAnswered({}))
    assert play == said("disclosure", then_report=False)
    assert isinstance(talk, TalkWithAgent)
    assert talk.greet, "nobody has spoken yet"


def test_the_disclosure_is_in_the_language_that_was_set() -> None:
    nodes = {"set": {"kind": "language", "language": "es", "next": "a"}, "a": A}
    assert Line(flow(nodes, **DISCLOSED)).begin()[1] == said("disclosure", "a", language="es")


def test_an_agent_behind_a_prompt_does_not_greet() -> None:
    call = Line(flow({"a": {**A, "next": "talk"}, "talk": AGENT}))
    call.begin()
    (talk,) = call.give(PromptsPlayed())
    assert isinstance(talk, TalkWithAgent)
    assert not talk.greet


# No way out


def test_a_circle_that_waits_for_nothing_is_left() -> None:
    nodes = {
        "one": {"kind": "set", "variable": "x", "value": "{x}{x}{x}y", "next": "two"},
        "two": {"kind": "condition", "variable": "x", "equals": "", "then": "bye", "otherwise": "one"},
    }
    call = Line(flow(nodes, disclosure="disclosure"))
    assert call.begin() == (HangUp("no_way_out"),)
    assert call.state.waiting == "over"
    assert len(call.state.variables["x"]) == 4000


def test_a_circle_in_which_nobody_gives_a_sign_of_life_is_left() -> None:
    call = Line(flow({"a": {**A, "next": "b"}, "b": {**B, "next": "a"}}))
    call.begin()
    for _ in range(NODES_IN_SILENCE - 1):
        assert len(call.give(PromptsPlayed())) == 1
    assert call.give(PromptsPlayed()) == (HangUp("no_way_out"),)


def test_a_key_is_a_sign_of_life() -> None:
    call = Line(flow({"a": {**A, "next": "b"}, "b": {**B, "next": "a"}}))
    call.begin()
    for turn in range(3 * NODES_IN_SILENCE):
        call.give(KeyPressed("1") if turn % NODES_IN_SILENCE == 5 else PromptsPlayed())
    assert call.state.waiting == "prompt"
