"""What holds for any flow and any caller; what each node and input does stands in the tests of the engine's parts."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr_bridge.flows.model import Flow, Language
from ivr_bridge.flows.moves import (
    Action,
    AgentEnded,
    AgentGone,
    CallBegun,
    CallerSaid,
    CloseMenu,
    DialEnded,
    FlowInput,
    HangUp,
    HttpAnswered,
    KeyPressed,
    LanguageChanged,
    LetAgentAnswer,
    MenuAsked,
    MuteCaller,
    OpenMenu,
    OptionChosen,
    Play,
    PromptsPlayed,
    SentTo,
    SetLanguage,
    StopPlaying,
    StreamResumed,
    TakeVoicemail,
    TalkWithAgent,
    TimePassed,
    Transfer,
)
from ivr_bridge.flows.reach import traps
from tests.flows.line import NOON, Line, flow

LANGUAGES = st.sampled_from(["en", "es", "zh"])
KEYS = st.sampled_from("0123456789*#")
PROMPTS = st.sampled_from(["hello", "info", "main"])
VARIABLES = st.sampled_from(["caller", "x", "language"])
N_NODES = 7
N_TRIES = 3
SILENT_STEPS = 2 * (N_NODES + 1) * 2 * N_TRIES
"""Two flows, each node once, its prompt and its wait as often as it tries."""
PARTS = (HangUp, TakeVoicemail, Transfer)
"""What the stream ends with; each is an action that Twilio has a verb for."""


def node(kind: str, **fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    """A node of this kind; a field that is no strategy is taken as it is."""
    return st.fixed_dictionaries(
        {"kind": st.just(kind), **{k: v if isinstance(v, st.SearchStrategy) else st.just(v) for k, v in fields.items()}}
    )


def any_node(ahead: list[str], everywhere: list[str], flows: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    """A node whose silent ways lead to one of `ahead`, and the others to one of `everywhere`."""
    on, anywhere, tries = st.sampled_from(ahead), st.sampled_from(everywhere), st.integers(1, N_TRIES)
    options = st.lists(st.tuples(KEYS, anywhere), min_size=1, max_size=4, unique_by=lambda pair: pair[0]).map(
        lambda pairs: {f"o{n}": {"key": key, "says": "words", "next": to} for n, (key, to) in enumerate(pairs)}
    )
    digits = {
        "prompt": PROMPTS, "variable": "x", "min_digits": st.integers(1, 2), "max_digits": st.integers(2, 4),
        "terminator": st.sampled_from(["#", "*", ""]), "next": anywhere, "otherwise": on, "tries": tries,
    }  # fmt: skip
    return st.one_of(
        node("prompt", prompt=PROMPTS, next=on),
        node("menu", prompt=PROMPTS, options=options, agent=st.booleans(), otherwise=on, tries=tries),
        node("agent", next=st.none() | anywhere, told="{x}"),
        node("digits", sensitive=True, **digits),
        node("digits", tell_agent=st.sampled_from(["", "{x}"]), **digits),
        node("hours", hours=st.sampled_from(["shop", "moon"]), open=on, closed=on, holiday=st.none() | on),
        node(
            "language",
            prompt="choose_language",
            options=st.dictionaries(KEYS, LANGUAGES, min_size=1, max_size=3),
            next=on,
            tries=tries,
        ),
        node("language", language=LANGUAGES, next=on),
        node("set", variable=VARIABLES, value="{x}{caller}1", next=on),
        node("condition", variable=VARIABLES, equals=st.sampled_from(["", "en"]), then=on, otherwise=on),
        node("http", url="https://shop.example/{x}", next=on, failed=on),
        node(
            "transfer",
            number=st.sampled_from(["+15550100", "${DESK}", "${UNSET}"]),
            prompt=st.none() | PROMPTS,
            failed=on,
        ),
        node("voicemail"),
        node("hang_up", prompt=st.none() | PROMPTS),
        *([node("flow", flow=st.sampled_from(flows))] if flows else []),
    )


def one_flow(flows: list[str], *, checked: bool) -> st.SearchStrategy[Flow]:
    """A flow; `checked`: one that `check` would let pass, as its silent ways never lead back."""
    everywhere = [*(f"n{n}" for n in range(N_NODES)), "bye"]
    nodes = {
        name: any_node(everywhere[n + 1 :] if checked else everywhere, everywhere, flows)
        for n, name in enumerate(everywhere[:-1])
    }
    return st.builds(
        flow,
        st.fixed_dictionaries(nodes),
        start=st.just("n0"),
        person=st.none() | st.sampled_from(everywhere),
        disclosure=st.sampled_from([False, "disclosure"]),
    )


def lines(*, checked: bool) -> st.SearchStrategy[Line]:
    """A call in two flows."""
    flows = {
        "main": one_flow(["second"] if checked else ["main", "second"], checked=checked),
        "second": one_flow([] if checked else ["main"], checked=checked),
    }
    return st.builds(
        Line,
        st.fixed_dictionaries(flows),
        begins=st.just("main"),
        hours=st.sampled_from(["open", "closed", "holiday"]),
        environ=st.just({"DESK": "+15550199"}),
        language=LANGUAGES,
        variables=st.just({"caller": "+15550123"}),
    )


ANY_LINE = lines(checked=False)
CHECKED_LINE = lines(checked=True)

INPUTS = st.one_of(
    st.builds(KeyPressed, KEYS | st.sampled_from(["", "A", "11"])),
    st.just(PromptsPlayed()),
    st.just(TimePassed()),
    st.builds(CallerSaid, st.sampled_from(["yes please", " "]), st.none() | LANGUAGES),
    st.builds(OptionChosen, st.sampled_from(["o0", "o1", "taxi"])),
    st.sampled_from([CallBegun(), StreamResumed(), MenuAsked(), AgentEnded(), AgentGone()]),
    st.builds(SentTo, st.sampled_from(["n0", "n3", "nowhere"])),
    st.builds(LanguageChanged, LANGUAGES),
    st.builds(HttpAnswered, st.none() | st.dictionaries(VARIABLES, st.text(max_size=5))),
    st.builds(DialEnded, st.booleans()),
)
MOMENTS = st.lists(st.tuples(INPUTS, st.sampled_from([0.0, 0.5, 4.0, 30.0])), max_size=40)


class Performer:
    """Follows the actions as bridge/ would, and holds them to what `moves.py` promises."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.open: Mapping[str, str] = {}
        self.muted = False
        self.report_due = False
        self.language: Language = line.state.language
        self.parted: Action | None = None

    def give(self, happened: FlowInput) -> tuple[Action, ...]:
        was_over = self.line.state.waiting == "over"
        if isinstance(happened, LanguageChanged) and not was_over:
            self.language = happened.language
        if isinstance(happened, PromptsPlayed):
            self.report_due = False
        actions = self.line.give(happened)
        assert not (was_over and actions), "over is over"
        for n, action in enumerate(actions):
            self._perform(action, last=n == len(actions) - 1)
        self._agrees()
        return actions

    def _perform(self, action: Action, *, last: bool) -> None:
        assert last or not isinstance(action, PARTS), "nothing can be done after the stream was left"
        match action:
            case Play():
                assert action.prompts
                for prompt, language in action.prompts:
                    assert language == self.language or prompt == "choose_language"
                self.report_due = action.then_report
            case StopPlaying():
                self.report_due = False
            case OpenMenu():
                assert not self.open, "one menu at a time"
                assert action.options
                self.open = action.options
            case LetAgentAnswer():
                assert self.open
            case CloseMenu():
                assert self.open, "closed what was not open"
                self.open = {}
            case MuteCaller():
                assert action.muted is not self.muted, "muted and unmuted by turns"
                self.muted = action.muted
            case SetLanguage():
                assert action.language != self.language
                self.language = action.language
            case TalkWithAgent():
                assert not self.open
                assert not self.muted
            case HangUp() | TakeVoicemail():
                self.parted = action

    def _agrees(self) -> None:
        state, engine = self.line.state, self.line.engine
        assert engine.options(state) == self.open
        assert state.language == self.language
        assert (state.waiting == "over") is (self.parted is not None)
        assert state.began is (state.waiting != "")
        assert engine.agent_has_floor(state) is (state.waiting == "agent" or (state.conversing and bool(self.open)))
        if self.muted:
            assert state.waiting == "digits"
        if state.waiting in {"prompt", "key", "digits"} and not state.conversing:
            assert self.report_due or state.due_at is not None, "nothing would ever happen again"
        if state.waiting == "over":
            assert state.due_at is None
            assert not self.open
            assert not self.muted


def silent_input(line: Line) -> FlowInput:
    """What happens to somebody who does nothing, where nothing works."""
    match line.state.waiting:
        case "http":
            return HttpAnswered(None)
        case "away":
            return DialEnded(spoken=False)
        case _ if line.state.due_at is not None:
            line.at_s = line.state.due_at
            return TimePassed()
    return PromptsPlayed()


@settings(max_examples=300, deadline=None)
@given(ANY_LINE, MOMENTS)
def test_any_flow_takes_anything_at_any_time(line: Line, moments: list[tuple[FlowInput, float]]) -> None:
    performer = Performer(line)
    for happened, after_s in [*moments[:3], (CallBegun(), 0.0), *moments[3:]]:
        line.at_s += after_s
        performer.give(happened)


@settings(max_examples=300, deadline=None)
@given(CHECKED_LINE, MOMENTS)
def test_doing_nothing_comes_to_an_end_whatever_was_done_before(
    line: Line, moments: list[tuple[FlowInput, float]]
) -> None:
    performer = Performer(line)
    performer.give(CallBegun())
    for happened, after_s in moments:
        line.at_s += after_s
        performer.give(happened)
    for _ in range(SILENT_STEPS):
        if line.state.waiting == "over" or line.engine.agent_has_floor(line.state):
            break
        performer.give(silent_input(line))
    else:
        pytest.fail(f"still at {line.state.node}, waiting for {line.state.waiting}")
    assert performer.parted != HangUp("no_way_out") or AgentGone() in [happened for happened, _ in moments]


@settings(max_examples=100, deadline=None)
@given(CHECKED_LINE)
def test_these_flows_are_such_as_check_lets_pass(line: Line) -> None:
    assert traps({name: line.engine.flow(line.engine.begin(name, "en", {})) for name in ("main", "second")}) == ()


@settings(max_examples=150, deadline=None)
@given(ANY_LINE, MOMENTS)
def test_a_flow_that_check_lets_pass_has_no_trap(line: Line, moments: list[tuple[FlowInput, float]]) -> None:
    """As above, for flows of any shape: a call that goes round for ever stands in a circle that `traps` names."""
    line.begin()
    for happened, after_s in moments[:10]:
        line.at_s += after_s
        line.give(happened)
    for _ in range(SILENT_STEPS):
        if line.state.waiting == "over" or line.engine.agent_has_floor(line.state):
            return
        line.give(silent_input(line))
    flows = {name: line.engine.flow(line.engine.begin(name, "en", {})) for name in ("main", "second")}
    assert traps(flows), f"still at {line.state.node}, waiting for {line.state.waiting}"


@settings(max_examples=100, deadline=None)
@given(ANY_LINE, MOMENTS)
def test_the_same_call_twice_is_the_same(line: Line, moments: list[tuple[FlowInput, float]]) -> None:
    start, heard = line.state, []
    for _ in range(2):
        line.state, line.at_s = start, 1000.0
        heard.append([line.begin(), *(line.give(happened) for happened, _ in moments)])
    assert heard[0] == heard[1]


@settings(max_examples=200, deadline=None)
@given(CHECKED_LINE, MOMENTS)
def test_who_is_never_said_to_need_an_agent_never_does(line: Line, moments: list[tuple[FlowInput, float]]) -> None:
    if line.engine.needs_agent("main", NOON):
        return
    performed = [line.begin(), *(line.give(happened) for happened, _ in moments if not isinstance(happened, SentTo))]
    assert not [action for actions in performed for action in actions if isinstance(action, TalkWithAgent | OpenMenu)]


# Asking the engine

PROMPT = {"kind": "prompt", "prompt": "hello", "next": "bye"}
TALK = {"kind": "agent"}
ONE = {"one": {"key": "1", "says": "the first one", "next": "talk"}}
MENU = {"kind": "menu", "prompt": "main", "options": ONE, "otherwise": "bye"}
HOURS = {"kind": "hours", "hours": "shop", "open": "talk", "closed": "bye"}
DESK = {"kind": "transfer", "number": "+15550100", "failed": "talk"}


def test_a_call_before_it_begins() -> None:
    given = flow({"talk": TALK}, disclosure="disclosure")
    variables = {"caller": "+15550123"}
    call = Line(given, language="es", variables=variables)
    state = call.state
    assert (state.flow, state.node, state.language, state.waiting) == ("main", "talk", "es", "")
    assert (state.disclosure, state.began, state.agent_there) == ("disclosure", False, True)
    variables["caller"] = "+1"
    assert call.engine.values(state) == {"caller": "+15550123", "language": "es"}
    assert call.engine.node(state) is given.nodes["talk"]
    assert call.engine.options(state) == {}
    assert "5550123" not in repr(state)
    with pytest.raises(KeyError):
        call.engine.begin("nowhere", "en", {})


@pytest.mark.parametrize(
    ("nodes", "needed"),
    [
        ({"talk": TALK}, True),
        ({"a": {**PROMPT, "next": "talk"}, "talk": TALK}, True),
        ({"menu": MENU, "talk": TALK}, True),
        ({"menu": {**MENU, "agent": False}, "talk": TALK}, True),
        ({"menu": {**MENU, "agent": False, "options": {"one": {**ONE["one"], "next": "bye"}}}, "talk": TALK}, False),
        ({"a": PROMPT, "talk": TALK}, False),
        ({"desk": DESK, "talk": TALK}, True),
        ({"a": {"kind": "flow", "flow": "other"}}, True),
        ({"voicemail": {"kind": "voicemail"}}, False),
    ],
)
def test_whether_an_agent_is_needed(nodes: dict[str, Any], needed: bool) -> None:
    call = Line({"main": flow(nodes), "other": flow({"talk": TALK})})
    assert call.engine.needs_agent("main") is needed


def test_a_person_who_does_not_answer_may_leave_the_caller_to_the_agent() -> None:
    menu = {**MENU, "agent": False, "options": {"one": {**ONE["one"], "next": "bye"}}}
    nodes = {"menu": menu, "desk": DESK, "talk": TALK}
    assert Line(flow(nodes, person="desk")).engine.needs_agent("main")
    assert not Line(flow(nodes)).engine.needs_agent("main")


@pytest.mark.parametrize(("hours", "needed"), [("open", True), ("closed", False)])
def test_a_closed_line_needs_no_agent(hours: Any, needed: bool) -> None:
    call = Line(flow({"hours": HOURS, "talk": TALK}), hours=hours)
    assert call.engine.needs_agent("main"), "at some time"
    assert call.engine.needs_agent("main", NOON) is needed


def test_a_whole_call() -> None:
    """Menu, a word, the agent, a key, a person who is not there, a menu with digits only, goodbye."""
    call = Line(
        flow({"menu": MENU, "talk": TALK, "desk": {**DESK, "failed": "menu"}}, person="desk", disclosure="disclosure")
    )
    steps: list[tuple[FlowInput, list[type]]] = [
        (CallBegun(), [OpenMenu, Play]),
        (CallerSaid("the first one please"), [StopPlaying, LetAgentAnswer]),
        (OptionChosen("one"), [CloseMenu, TalkWithAgent]),
        (CallerSaid("I want a person"), []),
        (KeyPressed("0"), [Play, Transfer]),
        (AgentGone(), []),
        (DialEnded(spoken=False), [Play]),
        (StreamResumed(), [Play]),
        (PromptsPlayed(), []),
    ]
    for happened, kinds in steps:
        assert [type(action) for action in call.give(happened)] == kinds, happened
    assert [type(a) for a in call.let_due()] == [Play]
