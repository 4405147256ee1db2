import pytest

from ivr_bridge.cli.drill_account import make_account
from ivr_bridge.simulator.phone.call_note import CallNote
from ivr_bridge.simulator.phone.report import CallReport
from tests.simulator.phone.test_silence import heard

ENDED = CallNote(20_000, "call.ended", {"result": "completed", "reason": "voicemail_left"})


def rung(at_ms, kind, cause="lost"):
    return CallNote(at_ms, "rung.climbed", {"rung": kind, "cause": cause})


def account(*sounds_ms, notes=(), needs_rung=True, is_answered=False, **fields):
    report = CallReport(
        "CA1",
        fields.pop("result", "completed"),
        fields.pop("reason", "caller_hung_up"),
        heard_pcm16=heard(*sounds_ms, length_ms=20_000),
        **fields,
    )
    return make_account("drop", report, notes, needs_rung=needs_rung, is_answered=is_answered)


def test_a_ladder_that_holds_second_by_second():
    notes = [
        CallNote(0, "greeting.played"),
        rung(4300, "retry"),
        rung(5200, "voicemail"),
        CallNote(5300, "prompt.played", {"prompt": "leave_message"}),
        ENDED,
    ]
    done = account((0, 4400), (5400, 8000), notes=notes)
    assert (done.ok, done.longest_silence_ms) == (True, 1000)
    assert done.as_json() == {
        "drill": "drop",
        "ok": True,
        "longest_silence_ms": 1000,
        "steps": [
            {"at_ms": 0, "rung": None, "heard": "tone (greeting)"},
            {"at_ms": 4000, "rung": "retry", "heard": "tone (greeting)"},
            {"at_ms": 5000, "rung": "voicemail", "heard": "tone (prompt leave_message)"},
            {"at_ms": 8000, "rung": "voicemail", "heard": "silence"},
        ],
        "ended": "completed (voicemail_left)",
    }


def test_more_than_two_seconds_of_silence_is_too_much():
    notes = [rung(4000, "voicemail"), ENDED]
    assert account((0, 4100), (6060, 8000), notes=notes).ok
    late = account((0, 4100), (6140, 8000), notes=notes)
    assert (late.ok, late.longest_silence_ms) == (False, pytest.approx(2040, abs=20))


@pytest.mark.parametrize(
    ("notes", "is_answered", "ok"),
    [
        ([], False, False),
        ([], True, False),
        ([rung(4000, "retry")], True, False),
        ([rung(4000, "retry"), CallNote(4500, "agent.recovered")], True, True),
        ([rung(4000, "retry"), CallNote(4500, "agent.recovered")], False, False),
        ([rung(4000, "retry"), CallNote(4500, "agent.recovered"), rung(4600, "agent")], True, False),
        ([rung(4000, "menu")], False, True),
        ([rung(19_000, "apology")], False, False),
    ],
    ids=[
        "no rung", "no rung, yet an answer", "nobody came back", "back and answering", "back and dumb",
        "back and gone again", "a menu", "an apology that is not heard",
    ],
)  # fmt: skip
def test_whether_the_ladder_ended_on_a_rung(notes, is_answered, ok):
    assert account((0, 18_500), notes=[*notes, ENDED], is_answered=is_answered).ok is ok


def test_a_slow_agent_needs_no_rung_but_an_answer():
    assert account((0, 20_000), needs_rung=False, is_answered=True).ok
    assert not account((0, 20_000), needs_rung=False).ok


def test_a_call_that_never_was_is_not_good():
    report = CallReport("CA1", "failed", "unreachable")
    done = make_account("outage", report, [], needs_rung=False, is_answered=True)
    assert (done.ok, done.ended, done.as_json()["steps"]) == (False, "failed (unreachable)", [])


def test_how_it_ended_is_the_servers_word_unless_the_caller_gave_up():
    assert account(notes=[ENDED]).ended == "completed (voicemail_left)"
    assert account(notes=[]).ended == "completed (caller_hung_up)"
    assert account(notes=[ENDED], result="failed", reason="too_long").ended == "failed (too_long)"
