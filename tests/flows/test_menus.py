import pytest

from ivr_bridge.flows.moves import (
    AgentEnded,
    AgentGone,
    CallerSaid,
    CloseMenu,
    HangUp,
    KeyPressed,
    LanguageChanged,
    LetAgentAnswer,
    MenuAsked,
    OpenMenu,
    OptionChosen,
    PromptsPlayed,
    SentTo,
    StopPlaying,
    StreamResumed,
    TalkWithAgent,
    TimePassed,
)
from tests.flows.line import Line, flow, said

OPTIONS = {
    "hours": {"key": "1", "says": "opening hours", "next": "info"},
    "booking": {"key": "2", "says": "a booking", "next": "booking"},
}
OPEN = OpenMenu({"hours": "opening hours", "booking": "a booking"})
MENU = {"kind": "menu", "prompt": "main", "options": OPTIONS, "otherwise": "bye"}
REST = {
    "info": {"kind": "prompt", "prompt": "info", "next": "menu"},
    "booking": {"kind": "agent", "told": "The caller wants to book."},
    "away": {"kind": "transfer", "number": "+15550100", "failed": "bye"},
}
SPEAKS = CallerSaid("I would like to book a table")


def line(*, agent: bool = True, person: bool = True, **menu: object) -> Line:
    nodes = {"menu": {**MENU, "agent": agent, **menu}, **REST}
    made = Line(flow(nodes, person="away" if person else None))
    made.begin()
    return made


def test_it_opens_before_its_prompt_and_waits_after_it() -> None:
    call = Line(flow({"menu": {**MENU, "wait_s": 7}, **REST}))
    assert call.begin() == (OPEN, said("main"))
    assert (call.state.waiting, call.state.due_at, call.state.tries) == ("key", None, 1)
    call.at_s += 3
    assert call.give(PromptsPlayed()) == ()
    assert call.state.due_at == call.at_s + 7


def test_without_agent_it_is_digits_only() -> None:
    call = Line(flow({"menu": {**MENU, "agent": False}, **REST}))
    assert call.begin() == (said("main"),)
    assert call.engine.options(call.state) == {}
    assert call.give(SPEAKS) == ()
    assert call.give(OptionChosen("hours")) == ()
    assert call.give(KeyPressed("1")) == (said("info"),)


@pytest.mark.parametrize("played", [False, True])
def test_a_key_works_at_any_time(played: bool) -> None:
    call = line()
    if played:
        call.give(PromptsPlayed())
    assert call.give(KeyPressed("1")) == (CloseMenu(), said("info")), "the next prompt replaces what is playing"
    assert call.where == "info"


def test_a_key_that_leads_to_no_prompt_stops_the_prompt() -> None:
    call = line()
    actions = call.give(KeyPressed("2"))
    assert [type(a) for a in actions] == [CloseMenu, StopPlaying, TalkWithAgent]


def test_an_unknown_key_counts_a_try() -> None:
    call = line(tries=2)
    call.give(PromptsPlayed())
    assert call.give(KeyPressed("9")) == (said("no_match", "main"),)
    assert (call.state.tries, call.state.due_at) == (2, None)
    assert call.give(KeyPressed("9")) == (CloseMenu(), said("goodbye", then_report=False), HangUp())


def test_0_reaches_a_person() -> None:
    assert line().keys("0")[1] == said("connecting_person", then_report=False)


def test_0_of_its_own_wins() -> None:
    options = {**OPTIONS, "desk": {"key": "0", "says": "the desk", "next": "info"}}
    call = line(options=options)
    call.keys("0")
    assert call.where == "info"


def test_0_without_a_person_is_an_unknown_key() -> None:
    assert line(person=False).keys("0") == (said("no_match", "main"),)


def test_silence_uses_up_the_tries() -> None:
    call = line(tries=3)
    for tries in (2, 3):
        call.give(PromptsPlayed())
        assert call.let_due() == (said("no_input", "main"),)
        assert (call.state.tries, call.state.due_at) == (tries, None)
    call.give(PromptsPlayed())
    assert call.let_due() == (CloseMenu(), said("goodbye", then_report=False), HangUp())


def test_time_before_it_is_due_is_harmless() -> None:
    call = line()
    assert call.give(TimePassed()) == ()
    call.give(PromptsPlayed())
    call.at_s += 4.999
    before = call.state
    assert call.give(TimePassed()) == ()
    assert call.state == before


def test_prompts_of_its_own_for_no_input_and_no_match() -> None:
    call = line(no_input="silence", no_match="wrong")
    assert call.keys("9") == (said("wrong", "main"),)
    call.give(PromptsPlayed())
    assert call.let_due() == (said("silence", "main"),)


def test_words_hand_the_floor_to_the_agent() -> None:
    call = line()
    call.give(PromptsPlayed())
    call.let_due()
    call.give(PromptsPlayed())
    assert call.give(SPEAKS) == (StopPlaying(), LetAgentAnswer())
    assert (call.state.conversing, call.state.due_at, call.state.tries) == (True, None, 0)
    assert call.engine.agent_has_floor(call.state)
    assert call.give(SPEAKS) == (), "once"
    assert call.give(PromptsPlayed()) == (), "a late one starts no clock"
    assert call.state.due_at is None


@pytest.mark.parametrize("text", ["", "  \n"])
def test_no_words_are_no_words(text: str) -> None:
    assert line().give(CallerSaid(text)) == ()


def test_the_agent_chooses_what_the_key_would() -> None:
    by_key, by_agent = line(), line()
    assert by_agent.engine.options(by_agent.state) == OPEN.options
    assert by_key.keys("1") == by_agent.give(OptionChosen("hours"))
    assert by_key.state == by_agent.state


def test_the_agents_own_words_are_not_cut_when_it_has_chosen() -> None:
    call = line()
    call.give(SPEAKS)
    actions = call.give(OptionChosen("booking"))
    assert [type(a) for a in actions] == [CloseMenu, TalkWithAgent]
    assert call.where == "booking"


def test_an_option_that_there_is_not() -> None:
    call = line()
    assert call.give(OptionChosen("taxi")) == ()
    assert call.engine.options(call.state) == OPEN.options


def test_keys_still_work_while_the_agent_answers() -> None:
    call = line()
    call.give(SPEAKS)
    assert call.keys("1") == (CloseMenu(), said("info"))


def test_an_unknown_key_takes_the_floor_back() -> None:
    call = line()
    call.give(SPEAKS)
    assert call.keys("9") == (CloseMenu(), OPEN, said("no_match", "main"))
    assert (call.state.conversing, call.state.tries) == (False, 1)
    assert call.give(SPEAKS) == (StopPlaying(), LetAgentAnswer())


def test_the_agent_is_gone_while_it_has_the_floor() -> None:
    call = line()
    call.give(SPEAKS)
    assert call.give(AgentGone()) == (CloseMenu(), said("main"))
    assert (call.state.agent_there, call.state.conversing, call.state.waiting) == (False, False, "key")
    assert call.give(SPEAKS) == ()
    assert call.keys("1") == (said("info"),), "nothing is open that would have to be closed"
    assert call.keys("#") == (said("main"),), "and nothing is opened again"


def test_the_agent_is_gone_while_the_menu_plays() -> None:
    call = line()
    assert call.give(AgentGone()) == (CloseMenu(),)
    assert call.give(AgentGone()) == ()
    call.give(PromptsPlayed())
    assert call.let_due() == (said("no_input", "main"),)


def test_the_agent_ends_the_conversation_while_it_has_the_floor() -> None:
    call = line()
    call.give(SPEAKS)
    assert call.give(AgentEnded()) == (CloseMenu(), HangUp())


def test_the_agent_ends_the_conversation_while_the_menu_plays() -> None:
    call = line()
    assert call.give(AgentEnded()) == (CloseMenu(),)
    assert call.state.waiting == "key"


def test_the_agent_shows_the_menu_again() -> None:
    call = line()
    assert call.give(MenuAsked()) == (), "it is being said"
    call.give(SPEAKS)
    assert call.give(MenuAsked()) == (CloseMenu(), OPEN, said("main"))
    call.keys("2")
    assert call.give(MenuAsked()) == (OPEN, said("main"))
    assert (call.where, call.state.tries) == ("menu", 1)


def test_another_language_says_the_menu_again() -> None:
    call = line()
    call.give(PromptsPlayed())
    assert call.give(LanguageChanged("es")) == (said("main", language="es"),)
    assert call.state.due_at is None
    assert call.give(LanguageChanged("es")) == ()
    call.give(SPEAKS)
    assert call.give(LanguageChanged("zh")) == (), "the agent has the floor"
    assert call.state.language == "zh"


def test_another_stream_says_the_menu_again() -> None:
    call = line()
    call.give(PromptsPlayed())
    call.let_due()
    assert call.give(StreamResumed()) == (CloseMenu(), OPEN, said("main"))
    assert call.state.tries == 1


def test_sent_elsewhere_it_is_closed() -> None:
    call = line()
    assert call.give(SentTo("booking"))[:2] == (CloseMenu(), StopPlaying())
    assert call.where == "booking"


AHEAD = {
    "welcome": {"kind": "prompt", "prompt": "welcome", "next": "menu"},
    "menu": {
        "kind": "menu",
        "prompt": "main_menu",
        "options": {"hours": {"key": "1", "says": "hours", "next": "hours"}},
        "otherwise": "bye",
    },
    "hours": {"kind": "prompt", "prompt": "opening_hours", "next": "menu"},
    "desk": {"kind": "transfer", "number": "+15550100", "failed": "bye"},
}


@pytest.mark.parametrize(
    ("key", "node", "last_menu"),
    [("1", "hours", ("main", "menu")), ("0", "desk", ("main", "menu")), ("5", "menu", ("main", "menu"))],
)
def test_a_key_over_the_prompt_before_a_menu_counts_for_the_menu(
    key: str, node: str, last_menu: tuple[str, str]
) -> None:
    line = Line(flow(AHEAD, person="desk"))
    line.begin()
    line.give(KeyPressed(key))
    assert (line.where, line.state.last_menu) == (node, last_menu)
