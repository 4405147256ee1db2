from dataclasses import replace

from ivr_bridge.flows.moves import (
    CloseMenu,
    HangUp,
    Moment,
    MuteCaller,
    OpenMenu,
    SetLanguage,
    StopPlaying,
    TellAgent,
)
from ivr_bridge.flows.walk import VALUE_MAX_CHARS, Book, Walk, values
from tests.flows.line import NOON, FixedHours, Line, flow, said

MENU = {
    "kind": "menu",
    "prompt": "m",
    "options": {"o": {"key": "1", "says": "words", "next": "bye"}},
    "otherwise": "bye",
}
PIN = {"kind": "digits", "prompt": "d", "variable": "pin", "sensitive": True, "next": "bye", "otherwise": "bye"}
FLOW = flow({"menu": MENU, "pin": PIN})
BOOK = Book({"main": FLOW}, {"shop": FixedHours("open")}, {})


def walk(**state: object) -> Walk:
    return Walk(BOOK, replace(Line(FLOW).state, **state), Moment(5.0, NOON))


def test_stop_playing_is_written_only_where_no_prompt_follows() -> None:
    step = walk()
    step.interrupt()
    step.do(TellAgent("hello"))
    step.say("a")
    assert step.done()[1] == (TellAgent("hello"), said("a"))
    step = walk()
    step.interrupt()
    step.do(TellAgent("hello"))
    assert step.done()[1] == (TellAgent("hello"), StopPlaying())
    step = walk()
    step.interrupt()
    step.hang_up()
    assert step.done()[1] == (StopPlaying(), HangUp())
    assert walk().done()[1] == ()


def test_the_disclosure_is_owed_until_it_is_said() -> None:
    step = walk(disclosure="disclosure")
    step.disclose()
    step.disclose()
    step.say("a", "b")
    assert step.done()[1] == (said("disclosure", then_report=False), said("a", "b"))
    assert (step.state.disclosure, step.state.spoken) == ("", True)


def test_leaving_takes_back_what_is_open() -> None:
    step = walk(waiting="key", due_at=9.0, tries=2, conversing=True)
    step.open_menu(BOOK.open_menu(step.state))
    step.go("pin")
    assert step.done()[1] == (OpenMenu({"o": "words"}), CloseMenu())
    left = step.state
    assert (left.node, left.waiting, left.due_at, left.tries, left.conversing) == ("pin", "", None, 0, False)
    assert step.arriving
    step = walk(node="pin", waiting="digits", digits="12")
    step.hang_up("no_way_out")
    assert step.done()[1] == (MuteCaller(False), HangUp("no_way_out"))
    assert (step.state.digits, step.state.waiting) == ("", "over")


def test_a_menu_is_open_to_an_agent_that_is_there() -> None:
    assert BOOK.open_menu(walk(waiting="key").state)
    assert not BOOK.open_menu(walk(waiting="").state)
    assert not BOOK.open_menu(walk(waiting="key", agent_there=False).state)
    assert not BOOK.open_menu(walk(waiting="digits", node="pin").state)
    step = walk(waiting="key", agent_there=False)
    step.open_menu(step.node)
    assert step.done()[1] == ()


def test_the_language_is_a_value_that_nobody_can_set() -> None:
    step = walk(variables={"language": "xx", "a": "1"})
    assert values(step.state) == {"language": "en", "a": "1"}
    step.speak("en")
    step.speak("es")
    assert step.done()[1] == (SetLanguage("es"),)
    assert values(step.state)["language"] == "es"


def test_values_have_an_end() -> None:
    step = walk(variables={"a": "1"})
    step.keep({"b": "x" * (VALUE_MAX_CHARS + 1)})
    assert step.state.variables == {"a": "1", "b": "x" * VALUE_MAX_CHARS}


def test_time_is_reckoned_from_the_step() -> None:
    step = walk(steps_without_wait=3)
    step.be_due(2.5)
    step.wait("key")
    assert (step.state.due_at, step.state.waiting, step.state.steps_without_wait) == (7.5, "key", 0)
