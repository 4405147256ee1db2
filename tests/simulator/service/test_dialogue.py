# ruff: noqa: RUF001 - Chinese is written with signs of its own
from dataclasses import replace

import pytest

from ivr_bridge.simulator.service.dialogue import MENU, DialogueState, Reply, after_tool, answer, phrases, told
from ivr_bridge.simulator.service.phrasebook import LINES, UNINTELLIGIBLE, normalise

NOTICE = (
    "A menu is open. Options: hours = opening hours; booking = book a table; shop = our wine shop. If the caller asks "
    "for one of them, call the tool choose_option with its name."
)
DESK = DialogueState()


@pytest.mark.parametrize(
    ("words", "start"),
    [
        ("What are your opening hours?", "We are open"),
        ("Where are you?", "We are at"),
        ("is there parking", "Yes, there"),
        ("Can I talk to a person?", "My colleagues"),
        ("yes please", "How can I help"),
        (UNINTELLIGIBLE, "Sorry"),
        ("", "Sorry"),
    ],
)
def test_desk(words: str, start: str):
    reply, state = answer(DESK, words)
    assert reply.text.startswith(start)
    assert state == DESK


def test_a_booking():
    _, state = answer(DESK, "I would like to book a table.")
    _, state = answer(state, "for two people")
    _, state = answer(state, "on Friday")
    reply, state = answer(state, "at half past seven")
    assert (reply.tool, reply.parameters) == ("book_table", {"people": 2, "day": "friday", "time": "half past seven"})
    reply, state = after_tool(state, reply, "Your table is booked", is_error=False)
    assert reply.text == "Your table is booked. Is there anything else?"
    assert state == DESK


def test_a_question_in_mid_booking_does_not_lose_it():
    state = DialogueState("day", people=4)
    reply, after = answer(state, "what are your opening hours")
    assert after == state
    assert reply.text.endswith("And on which day?")


@pytest.mark.parametrize(("name", "asked"), [("people", "how many"), ("day", "which day"), ("time", "what time")])
def test_words_that_do_not_fit_are_asked_for_again(name: str, asked: str):
    state = DialogueState(name)
    reply, after = answer(state, UNINTELLIGIBLE)
    assert after == state
    assert reply.text.startswith("Sorry")
    assert asked in reply.text


def test_starting_over():
    assert answer(DialogueState("time", 2, "friday"), "never mind")[1] == DESK


@pytest.mark.parametrize("words", ["goodbye", "no thank you goodbye", "No thanks.", "no"])
def test_goodbye(words: str):
    reply, state = answer(DESK, words)
    assert reply.ends
    assert state.name == "ended"


@pytest.mark.parametrize(
    ("result", "spoken"),
    [
        ('{"caller": "+1555", "called": "+1666"}', "You are calling from +1555."),
        ('{"message": "Done!"}', "Done!"),
        ('{"a": 1}', "That is done."),
        ("42", "42."),
    ],
)
def test_results_are_spoken(result: str, spoken: str):
    reply, _ = after_tool(DESK, Reply(tool="get_call_info"), result, is_error=False)
    assert reply.text == f"{spoken} Is there anything else?"


def test_a_failed_tool():
    reply, state = after_tool(DialogueState("time", 2, "friday"), Reply(tool="book_table"), "boom", is_error=True)
    assert reply.text.startswith("I am sorry")
    assert "boom" not in reply.text
    assert state == DESK


@pytest.mark.parametrize("notice", ["", NOTICE], ids=["no menu", "menu"])
@pytest.mark.parametrize("name", ["desk", "people", "day", "time"])
def test_every_phrase_is_understood(name: str, notice: str):
    state = replace(told(DESK, MENU, notice), name=name, people=2, day="friday")
    for phrase in phrases(state):
        assert normalise(phrase) == phrase
        reply, _ = answer(state, phrase)
        assert reply.tool or not reply.text.startswith("Sorry"), phrase
    assert len(set(phrases(state))) == len(phrases(state))


@pytest.mark.parametrize(
    ("words", "option"),
    [
        ("opening hours", "hours"),
        ("Opening hours, please!", "hours"),
        ("I want to book a table", "booking"),
        ("booking", "booking"),
        ("our wine shop please", "shop"),
        ("I want the shop", ""),
        ("the shop", "shop"),
        ("what are your opening hours", ""),
        ("is there parking", ""),
    ],
)
def test_words_of_an_open_menu_choose_its_option(words: str, option: str):
    reply, _ = answer(told(DESK, MENU, NOTICE), words)
    assert (reply.tool == "choose_option", reply.parameters) == (bool(option), {"option": option} if option else {})


def test_a_closed_menu_is_no_longer_chosen_from():
    state = told(told(DESK, MENU, NOTICE), MENU, "The menu is closed.")
    assert state == DESK
    assert answer(state, "our wine shop")[0].text.startswith("Sorry")


def test_facts_that_are_of_no_menu_change_nothing():
    state = DialogueState("day", 2)
    assert told(state, "transcript", "Options: a = b") == state


def test_an_open_menu_puts_a_booking_aside():
    state = told(DialogueState("day", 2), MENU, NOTICE)
    assert (state.name, state.people) == ("desk", None)


@pytest.mark.parametrize(
    ("words", "start"),
    [("book a table", "With pleasure"), ("opening hours", "We are open"), ("the shop", "One moment")],
)
def test_behind_a_chosen_option_it_goes_on_with_its_topic(words: str, start: str):
    call, state = answer(told(DESK, MENU, NOTICE), words)
    state = told(state, MENU, "The menu is closed.")
    assert after_tool(state, call, "The caller is taken there.", is_error=False)[0].text.startswith(start)


def test_the_menu_is_asked_for():
    call, state = answer(DESK, "Show me the menu.")
    assert call == Reply(tool="show_menu")
    assert after_tool(state, call, "It opens.", is_error=False)[0].text == "Here is the menu."
    assert after_tool(state, call, "There is none.", is_error=True)[0].text.startswith("I am sorry")


@pytest.mark.parametrize(
    ("words", "language"),
    [
        ("spanish please", "es"),
        ("Can we speak Spanish?", "es"),
        ("chinese please", "zh"),
        ("english please", "en"),
        ("En español, por favor", "es"),
        ("¿Podemos hablar inglés?", "en"),
        ("请说中文", "zh"),
        ("可以说英文吗", "en"),
    ],
)
@pytest.mark.parametrize("languages", [(), ("en", "es", "zh")], ids=["fixed", "polyglot"])
def test_another_language_is_asked_for(words: str, language: str, languages: tuple[str, ...]):
    call, state = answer(DialogueState(languages=languages), words)
    assert (call.tool, call.parameters) == ("switch_language", {"language": language})
    reply, state = after_tool(state, call, "ok", is_error=False)
    if languages:
        assert (state.language, reply.text) == (language, LINES[language].ask["desk"])
    else:
        assert (state.language, reply.text) == ("en", "One moment, please.")


@pytest.mark.parametrize(
    ("words", "language"), [("¿A qué hora abren?", "es"), ("你们几点开门", "zh"), ("when do you open", "en")]
)
def test_what_is_said_changes_the_language_where_that_is_detected(words: str, language: str):
    reply, state = answer(DialogueState(languages=("en", "es", "zh")), words)
    assert (state.language, reply.text) == (language, LINES[language].answers["hours"])
    reply, state = answer(DESK, words)
    assert (state.language, reply.text) == ("en", LINES["en"].answers["hours"])


@pytest.mark.parametrize(
    ("language", "turns", "booked"),
    [
        ("es", ("Quiero reservar una mesa", "Para cuatro personas", "el sábado", "a las nueve y media"),
         {"people": 4, "day": "sabado", "time": "nueve y media"}),
        ("zh", ("我想预订一张桌子", "两个人", "星期六", "十二点半"),
         {"people": 2, "day": "星期六", "time": "十二点半"}),
        ("es", ("book a table", "for two people", "on friday", "at seven"),
         {"people": 2, "day": "friday", "time": "seven"}),
    ],
)  # fmt: skip
def test_a_booking_in_other_languages(language: str, turns: tuple[str, ...], booked: dict):
    state = DialogueState(language=language)
    for words, asked in zip(turns, ("people", "day", "time"), strict=False):
        reply, state = answer(state, words)
        assert reply.text == LINES[language].ask[asked]
    reply, state = answer(state, turns[3])
    assert (reply.tool, reply.parameters) == ("book_table", booked)
    reply, state = after_tool(state, reply, "101", is_error=False)
    assert reply.text == f"101. {LINES[language].anything_else}"


@pytest.mark.parametrize(("language", "words"), [("es", "No gracias, adiós"), ("es", "nada más"), ("zh", "再见！")])
def test_goodbye_in_other_languages(language: str, words: str):
    reply, state = answer(DialogueState(language=language), words)
    assert (reply.text, reply.ends, state.language) == (LINES[language].farewell, True, language)


@pytest.mark.parametrize("language", ["es", "zh"])
def test_sorry_in_other_languages(language: str):
    reply, _ = answer(DialogueState(language=language), UNINTELLIGIBLE)
    assert reply.text.startswith(LINES[language].sorry)


@pytest.mark.parametrize(("words", "option"), [("¿Cuál es el horario?", "hours"), ("我要订座", "booking")])
def test_an_option_is_chosen_in_another_language_by_its_topic(words: str, option: str):
    reply, _ = answer(told(DESK, MENU, NOTICE), words)
    assert reply.parameters == {"option": option}


def test_english_words_do_not_undo_a_language_that_was_asked_for():
    call, state = answer(DialogueState(languages=("en", "es", "zh")), "spanish please")
    _, state = after_tool(state, call, "ok", is_error=False)
    reply, state = answer(state, "is there parking")
    assert reply.text == LINES["es"].answers["parking"]
    _, state = answer(state, "请问有停车位吗")
    assert state.language == "zh"
    call, state = answer(state, "english please")
    assert after_tool(state, call, "ok", is_error=False)[1].language == "en"
