import pytest

from ivr_bridge.simulator.phone import callees
from ivr_bridge.simulator.phone.callees import Callees
from ivr_bridge.simulator.phone.caller import Caller, HangUp, Wait

from .scripted_bridge import tone


def live(callee, seconds=120.0):
    """What they do when nobody speaks: when they speak, which keys, when they hang up."""
    caller = Caller(callee.script)
    for at_ms in range(0, int(seconds * 1000), 20):
        if caller.tick(at_ms, []).ending:
            return caller.spoken, caller.keyed, at_ms / 1000
    return caller.spoken, caller.keyed, None


def test_who_answers_is_found_by_pattern_the_newest_first_and_without_sip_headers():
    book = Callees(callees.busy())
    book.set("+1555*", callees.unreachable())
    book.set("+15550100009", callees.nobody())
    book.set("sip:*@pbx.example", callees.green_but_broken())
    found = [book.take(to).fate for to in ("+15550100009", "+15550100008", "+4930", "sip:a@pbx.example?x-a=1")]
    assert found == ["no-answer", "failed", "busy", "answered"]


def test_fates_come_one_after_the_other_and_the_last_stays():
    book = Callees(callees.busy())
    book.set("+1*", callees.nobody(), callees.busy(), callees.green_but_broken())
    assert [book.take("+1").fate for _ in range(4)] == ["no-answer", "busy", "answered", "answered"]


def test_a_person_says_hello_at_once_and_then_does_what_they_do():
    hello = tone(500)
    spoken, _, gone_s = live(callees.person(Wait(2), HangUp(), greeting_pcm16=hello, text="hi"))
    assert [(round(start), round(end), text) for start, end, text in spoken] == [(0, 500, "hi")]
    assert gone_s == pytest.approx(2.5, abs=0.05)


def test_a_listener_may_press_keys():
    spoken, keyed, gone_s = live(callees.listener(1.0, keys="12", is_spoken=False))
    assert len(spoken) == 1
    assert [key for _, key in keyed] == ["1", "2"]
    assert gone_s == pytest.approx(1 + 1 + 1.24, abs=0.1), "the hello, a second of quiet, two keys, a second"


def test_a_machine_greets_beeps_and_waits():
    callee = callees.machine(tone(2000))
    spoken, _, gone_s = live(callee)
    (greeting, beep) = spoken
    assert (round(greeting[0]), round(greeting[1])) == (0, 2000)
    assert beep[0] == pytest.approx(2000, abs=41)
    assert callee.message_ends_s == pytest.approx(2.4)
    assert gone_s == pytest.approx(62.4, abs=0.1)
    assert callee.answered_by == "machine"


def test_green_but_broken_is_gone_at_once():
    assert live(callees.green_but_broken()) == ([], [], 0.0)
    assert callees.green_but_broken().ringing_for(2.0).rings_s == 2.0
