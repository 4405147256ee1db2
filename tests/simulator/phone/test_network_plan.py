"""What the network does next, told a document; no socket, no clock."""

import pytest

from ivr_bridge.simulator.phone.callees import Callees, busy, green_but_broken, listener, nobody
from ivr_bridge.simulator.phone.network_plan import Asks, Confers, NetworkPlan, Over, PlannedCaller, Streams

from .test_placed_call import twiml

A, B = "+15550100021", "+15550100022"
CONNECT = twiml(
    "<Connect action='/ended'><Stream url='wss://bridge.example/media'><Parameter name='token' value='t'/></Stream>"
    "</Connect><Hangup/>"
)


def plan_of(**more):
    plan = NetworkPlan(**more)
    first = plan.place()
    assert (first.url, first.params["CallStatus"]) == (plan.voice_url, "ringing")
    return plan


def test_a_stream_its_action_and_the_end():
    plan = plan_of()
    stream = plan.answer(CONNECT)
    assert stream == Streams("wss://bridge.example/media", {"token": "t"}, plan.account.sid)
    action = plan.ended()
    assert (action.url, action.params["CallStatus"]) == ("https://bridge.example/ended", "in-progress")
    assert plan.answer(twiml("<Say>Bye.</Say>")) == Over("hung_up")
    assert (plan.said, plan.account.status) == (["Bye."], "completed")


def test_a_caller_who_hangs_up_is_told_to_the_action_and_nothing_is_run():
    plan = plan_of()
    plan.answer(CONNECT)
    action = plan.hang_up()
    assert action.params["CallStatus"] == "completed"
    assert plan.answer(twiml("<Say>More.</Say>")) == Over("caller_hung_up")
    assert plan.said == []


@pytest.mark.parametrize(
    ("callee", "expected"),
    [
        (listener(3, is_spoken=False), ("completed", "true", "10")),
        (green_but_broken(), ("completed", "true", "1")),
        (busy(), ("busy", "false", None)),
        (nobody(), ("no-answer", "false", None)),
    ],
)
def test_a_dial_and_what_its_action_is_told(callee, expected):
    plan = plan_of(callees=Callees(callee))
    asked = plan.answer(twiml(f"<Dial action='/dialled' timeout='20'>{A}</Dial>"))
    params = asked.params
    assert (params["DialCallStatus"], params["DialBridged"], params.get("DialCallDuration")) == expected
    assert params["CallSid"] == plan.account.sid != params["DialCallSid"]
    assert plan.dialled == [A]


@pytest.mark.parametrize(("keys", "is_bridged"), [(("1",), "true"), ((), "false")])
def test_a_whisper_is_asked_for_the_called_partys_leg(keys, is_bridged):
    plan = plan_of(called_party=PlannedCaller(keys))
    whisper = plan.answer(twiml(f"<Dial action='/dialled'><Number url='/whisper'>{A}</Number></Dial>"))
    assert (whisper.params["ParentCallSid"], whisper.params["To"]) == (plan.account.sid, A)
    step = plan.answer(twiml("<Gather numDigits='1' action='/pressed'><Say>Press.</Say></Gather><Hangup/>"))
    if keys:
        assert (step.url, step.params["Digits"]) == ("https://bridge.example/pressed", "1")
        step = plan.answer(twiml(""))
    assert (step.url, step.params["DialBridged"]) == ("https://bridge.example/dialled", is_bridged)
    assert step.params["DialCallStatus"] == ("completed" if keys else "no-answer")
    assert plan.answer(twiml("")) == Over("hung_up")


def test_numbers_one_after_the_other_and_their_notices():
    callees = Callees(busy())
    callees.set(B, listener(3, is_spoken=False))
    plan = plan_of(callees=callees)
    numbers = "".join(f"<Number statusCallback='/n'>{number}</Number>" for number in (A, B))
    asked = plan.answer(twiml(f"<Dial sequential='true' action='/dialled'>{numbers}</Dial>"))
    assert asked.params["DialCallStatus"] == "completed"
    assert [notice.params["CallStatus"] for notice in plan.notices] == ["busy", "completed"]
    assert [notice.params["To"] for notice in plan.notices] == [A, B]


def test_keys_and_messages_are_taken_as_planned():
    menu = twiml("<Gather numDigits='2' action='/menu'><Play>/a.wav</Play></Gather><Redirect>/again</Redirect>")
    plan = plan_of(caller=PlannedCaller(("", "123#"), (7,)))
    step = plan.answer(menu)
    assert step.url == "https://bridge.example/again"
    step = plan.answer(menu)
    assert (step.url, step.params["Digits"], step.params["FinishedOnKey"]) == ("https://bridge.example/menu", "12", "#")
    step = plan.answer(twiml("<Record action='/kept' maxLength='5'/>"))
    assert (step.params["RecordingDuration"], step.params["RecordingSid"][:2]) == ("5", "RE")
    assert plan.answer(twiml("<Record action='/kept'/><Say>Nothing.</Say>")) == Over("hung_up")
    assert (plan.said, plan.played) == (["Nothing."], ["/a.wav", "/a.wav"])


def test_a_conference_lasts_until_it_is_said_to_be_over():
    plan = plan_of()
    step = plan.answer(twiml("<Dial action='/left'><Conference beep='false'>room-1</Conference></Dial>"))
    assert step == Confers("room-1", {"beep": "false"}, plan.account.sid)
    left = plan.ended()
    assert (left.url, left.params["DialCallStatus"]) == ("https://bridge.example/left", "answered")


@pytest.mark.parametrize(
    ("document", "reason"),
    [("<Sing/>", "error"), ("<Reject/>", "rejected"), ("<Hangup/><Say>Never.</Say>", "hung_up")],
)
def test_how_a_call_ends(document, reason):
    plan = plan_of()
    over = plan.answer(twiml(document))
    assert over.reason == reason
    assert (over.problem.startswith("12200"), plan.said) == (reason == "error", [])


def test_what_is_not_asked_is_not_answered():
    plan = plan_of()
    with pytest.raises(LookupError):
        plan.ended()
    assert isinstance(plan.answer(CONNECT), Streams)
    with pytest.raises(LookupError):
        plan.answer(CONNECT)
    with pytest.raises(LookupError):
        NetworkPlan()._advance(None)
    assert isinstance(plan.ended(), Asks)
