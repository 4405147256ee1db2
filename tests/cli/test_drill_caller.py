import pytest

from ivr_bridge.cli.drill_caller import AFTER_MESSAGE, BEFORE_KEY, LISTEN, PATIENCE_S, SETTLE_S, DrillCaller
from ivr_bridge.simulator.phone.caller import Digits, HangUp, Say

QUESTION, MESSAGE = Say(b"", "question", expects_answer=False), Say(b"", "message", expects_answer=False)


class Scene:
    """A drill's caller and a clock."""

    def __init__(self):
        self.now = 0.0
        self.caller = DrillCaller(QUESTION, MESSAGE, lambda: self.now)

    def tell(self, name, **fields):
        self.caller.server_event(name, fields)

    def see(self, kind):
        self.caller.phone_event(kind)

    def after(self, seconds):
        self.now += seconds
        return self.caller.next_step()

    @property
    def next(self):
        return self.caller.next_step()


def asked():
    scene = Scene()
    scene.tell("greeting.played")
    assert scene.next is QUESTION
    assert scene.next is LISTEN
    scene.see("caller_speaking")
    return scene


def test_they_listen_until_they_are_greeted_and_ask_once():
    scene = Scene()
    assert scene.next is LISTEN
    scene.tell("greeting.played")
    assert (scene.next, scene.next) == (QUESTION, LISTEN)


def test_an_answer_is_heard_to_its_end_before_they_hang_up():
    scene = asked()
    scene.tell("agent.said")
    assert scene.caller.is_answered
    assert scene.next is LISTEN, "the words are told of before they are heard"
    assert scene.after(SETTLE_S) is None


def test_a_greeting_that_is_told_of_late_is_no_answer():
    scene = Scene()
    scene.tell("greeting.played")
    assert scene.next is QUESTION
    scene.tell("agent.said")
    assert not scene.caller.is_answered


def test_an_agent_who_took_over_is_asked_again():
    scene = asked()
    scene.tell("rung.climbed", rung="retry")
    assert scene.next is LISTEN
    scene.tell("agent.recovered")
    scene.tell("agent.said")
    assert not scene.caller.is_answered, "it greets"
    assert scene.next is QUESTION
    scene.see("caller_speaking")
    scene.tell("agent.said")
    assert scene.caller.is_answered
    scene.tell("rung.climbed", rung="menu")
    assert not scene.caller.is_answered


@pytest.mark.parametrize("prompt", ["no_input", "are_you_there"])
def test_who_is_asked_says_it_again(prompt):
    scene = asked()
    scene.tell("prompt.played", prompt="connecting")
    assert scene.next is LISTEN
    for _ in range(2):
        scene.tell("prompt.played", prompt=prompt)
        assert (scene.next, scene.next) == (QUESTION, LISTEN)
    scene.tell("prompt.played", prompt=prompt)
    assert scene.next is LISTEN, "three times is enough"


def test_keys_are_for_menus_without_an_agent():
    scene = asked()
    scene.tell("node.entered", kind="menu")
    assert scene.next is LISTEN, "there is an agent"
    scene.tell("rung.climbed", rung="menu")
    for key in ("1", "0"):
        scene.tell("node.entered", kind="menu")
        assert (scene.next, scene.next, scene.next) == (BEFORE_KEY, Digits(key), LISTEN)
    scene.tell("node.entered", kind="menu")
    assert scene.next == HangUp()


def test_a_message_is_left_after_the_beep():
    scene = asked()
    scene.see("recording_started")
    assert (scene.next, scene.next, scene.next) == (MESSAGE, AFTER_MESSAGE, HangUp())


def test_a_person_serves_them():
    scene = asked()
    scene.see("person_speaking")
    assert scene.next is LISTEN
    assert scene.after(SETTLE_S) is None


@pytest.mark.parametrize("news", ["filler.played", "prompt.played", "rung.climbed"])
def test_patience_ends_without_news(news):
    scene = asked()
    assert scene.after(PATIENCE_S - 1) is LISTEN
    scene.tell(news)
    assert scene.after(2) is LISTEN
    scene.tell("agent.unknown")
    assert scene.after(PATIENCE_S) == HangUp()
