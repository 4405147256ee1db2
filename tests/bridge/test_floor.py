from hypothesis import given
from hypothesis import strategies as st

from ivr_bridge.bridge.floor import HELD_CHARS, Floor
from ivr_bridge.elevenlabs.conversation.events import AgentAudio


def piece(number: int, chars: int = 4) -> AgentAudio:
    return AgentAudio("A" * chars, number, None)


def test_at_first_the_agent_is_not_heard() -> None:
    assert not Floor().agents


def test_what_was_held_is_given_once_and_in_order() -> None:
    floor = Floor()
    for number in range(3):
        floor.hold(piece(number))
    assert [event.event_id for event in floor.give()] == [0, 1, 2]
    assert floor.agents
    assert floor.give() == []


def test_what_was_said_before_the_caller_made_a_sound_is_dropped() -> None:
    floor = Floor()
    floor.hold(piece(1))
    floor.caller_began()
    floor.hold(piece(2))
    assert [event.event_id for event in floor.give()] == [2]


def test_another_voice_takes_it_and_nothing_of_before_comes_out_later() -> None:
    floor = Floor()
    floor.give()
    floor.hold(piece(1))
    floor.take()
    assert not floor.agents
    assert floor.give() == []


def test_what_an_agent_says_to_nobody_is_bounded_and_the_oldest_words_win() -> None:
    floor = Floor()
    half = HELD_CHARS // 2
    for number in range(5):
        floor.hold(piece(number, half))
    floor.hold(piece(9))
    assert [event.event_id for event in floor.give()] == [0, 1]
    floor.take()
    floor.hold(piece(7, half))
    assert [event.event_id for event in floor.give()] == [7], "there is room again"


@given(st.lists(st.sampled_from(["hold", "began", "give", "take"]), max_size=40))
def test_it_never_holds_what_nobody_will_hear(steps: list[str]) -> None:
    floor, since_sound = Floor(), 0
    for number, step in enumerate(steps):
        match step:
            case "hold":
                floor.hold(piece(number))
                since_sound += 1
            case "give":
                assert len(floor.give()) == since_sound
                since_sound = 0
            case "began":
                floor.caller_began()
                since_sound = 0
            case _:
                floor.take()
                since_sound = 0
        assert floor.agents == (step == "give") or step in {"hold", "began"}
