"""`<Dial>` to people; the phone's clock is put forward, so that nothing here takes time."""

import pytest

from ivr_bridge.simulator.phone.callees import busy, green_but_broken, listener, nobody, unreachable
from ivr_bridge.simulator.phone.caller import CallScript, Digits, HangUp, Say, Wait
from ivr_bridge.simulator.phone.network import Network
from ivr_bridge.simulator.phone.phone import Phone

from .scripted_bridge import goodbye, serving, tone
from .test_placed_call import PATIENT, twiml

A, B, C = "+15550100021", "+15550100022", "+15550100023"
PERSON = listener(3.0, is_spoken=False)


async def dial(verbs, *, script=PATIENT, callees=None, answers=None, on_event=None, **line_changes):
    """One call whose voice document is this; the bridge, the report, the network (closed)."""
    given = {"/twilio/voice": twiml(verbs), "/dialled": twiml("<Hangup/>"), **(answers or {})}
    async with serving(goodbye, answers=given) as bridge:
        line = bridge.line(**line_changes)
        async with Network(line) as network:
            for pattern, callee in (callees or {}).items():
                network.callees.set(pattern, callee)
            report = await Phone(line, network=network, on_event=on_event).call(script)
    return bridge, report, network


def child(network, address):
    return next(call for call in network.calls.values() if call.account.called == address)


def told(bridge, path):
    return [params for at, params in bridge.posts if at == path]


NUMBERS = f"<Number>{A}</Number><Number>{B}</Number><Number>{C}</Number>"


async def test_of_several_numbers_the_first_to_answer_wins_and_the_others_are_canceled():
    callees = {A: PERSON.ringing_for(9), B: PERSON.ringing_for(2), C: busy()}
    bridge, report, network = await dial(f"<Dial action='/dialled'>{NUMBERS}</Dial>", callees=callees)
    assert report.dialled == [A, B, C]
    assert report.dial_statuses == ["completed"]
    params = bridge.params("/dialled")
    assert params["DialCallSid"] == child(network, B).sid
    assert [child(network, to).account.status for to in (A, B, C)] == ["canceled", "completed", "busy"]
    assert report.network_heard_at_ms[0][1] == pytest.approx(2000, abs=5), "it rings for 2 s"


async def test_one_after_the_other_until_somebody_takes_the_call():
    callees = {A: nobody(4), B: busy(), C: PERSON}
    dials = f"<Dial action='/dialled' sequential='true' timeout='9'>{NUMBERS}</Dial>"
    bridge, report, network = await dial(dials, callees=callees)
    assert report.dialled == [A, B, C]
    assert [child(network, to).account.status for to in (A, B, C)] == ["no-answer", "busy", "completed"]
    assert bridge.params("/dialled")["DialCallStatus"] == "completed"
    callees = {A: PERSON, B: PERSON, C: PERSON}
    _, report, network = await dial(dials, callees=callees)
    assert (report.dialled, len(network.calls)) == ([A], 2)


@pytest.mark.parametrize(
    ("callee", "status"),
    [(busy(), "busy"), (unreachable(), "failed"), (nobody(2), "no-answer"), (nobody(), "no-answer")],
)
async def test_without_an_answer_the_action_says_why_and_nothing_was_bridged(callee, status):
    bridge, report, _ = await dial(f"<Dial action='/dialled' timeout='3'>{A}</Dial>", callees={A: callee})
    params = bridge.params("/dialled")
    assert (params["DialCallStatus"], params["DialBridged"]) == (status, "false")
    assert "DialCallDuration" not in params
    assert (report.result, report.dial_statuses) == ("refused", [status])


async def test_green_but_broken_is_completed_after_a_second_at_most():
    bridge, report, _ = await dial(f"<Dial action='/dialled'>{A}</Dial>", callees={A: green_but_broken()})
    params = bridge.params("/dialled")
    assert (params["DialCallStatus"], params["DialCallDuration"], params["DialBridged"]) == ("completed", "1", "true")
    assert report.reason == "transferred"


async def test_both_hear_each_other():
    script = CallScript((Wait(4), Say(tone(500), "hello there"), Wait(30)))
    _, report, network = await dial(f"<Dial>{A}</Dial>", callees={A: PERSON.ringing_for(2)}, script=script)
    theirs = child(network, A).report()
    (words,) = theirs.network_heard_at_ms
    assert words[1] - words[0] == pytest.approx(500, abs=3), "the person hears the caller"
    assert any(end - start == pytest.approx(1000, abs=3) for start, end in report.network_heard_at_ms), "and is heard"
    assert len(theirs.wav()) > 44


async def test_a_whisper_is_for_the_person_alone_and_its_end_connects():
    answers = {"/whisper": twiml("<Say>A caller for you.</Say>")}
    dials = f"<Dial action='/dialled'><Number url='/whisper'>{A}</Number></Dial>"
    bridge, report, network = await dial(dials, callees={A: PERSON}, answers=answers)
    whisper = bridge.params("/whisper")
    assert (whisper["Direction"], whisper["CallStatus"], whisper["To"]) == ("outbound-dial", "in-progress", A)
    assert whisper["CallSid"] == bridge.params("/dialled")["DialCallSid"]
    assert whisper["ParentCallSid"] == report.call_sid
    theirs = child(network, A).report()
    assert (theirs.said_by_network, report.said_by_network) == (["A caller for you."], [])
    assert bridge.params("/dialled")["DialBridged"] == "true"
    assert bridge.bad_signatures == []


KEY = "<Gather action='/pressed' numDigits='1' timeout='3'><Say>Press one.</Say></Gather><Hangup/>"


@pytest.mark.parametrize(("keys", "is_bridged"), [("1", True), ("", False)])
async def test_a_person_takes_the_call_with_a_key_or_does_not(keys, is_bridged):
    answers = {"/whisper": twiml(KEY), "/pressed": twiml("")}
    dials = f"<Dial action='/dialled'><Number url='/whisper'>{A}</Number></Dial>"
    callee = listener(30.0, keys=keys, is_spoken=False)
    bridge, report, _ = await dial(dials, callees={A: callee}, answers=answers, script=CallScript((Wait(60), HangUp())))
    params = bridge.params("/dialled")
    assert params["DialBridged"] == str(is_bridged).lower()
    assert params["DialCallStatus"] == ("completed" if is_bridged else "no-answer")
    assert ("/pressed" in bridge.paths()) is is_bridged
    assert report.violations == []


async def test_a_whisper_must_not_dial():
    answers = {"/whisper": twiml(f"<Dial>{B}</Dial>")}
    bridge, report, _ = await dial(
        f"<Dial action='/dialled'><Number url='/whisper'>{A}</Number></Dial>", callees={A: PERSON}, answers=answers
    )
    assert report.violations == ["12200 <Dial> is not understood in a document for the called party"]
    assert bridge.params("/dialled")["DialBridged"] == "false"


async def test_the_status_callback_of_a_number_hears_of_each_step():
    events = "initiated ringing answered completed"
    number = f"<Number statusCallback='/progress' statusCallbackEvent='{events}'>{A}</Number>"
    bridge, report, _ = await dial(f"<Dial callerId='+15550100002'>{number}</Dial>", callees={A: PERSON})
    steps = told(bridge, "/progress")
    assert [step["CallStatus"] for step in steps] == ["initiated", "ringing", "in-progress", "completed"]
    assert [step["SequenceNumber"] for step in steps] == ["0", "1", "2", "3"]
    assert {step["ParentCallSid"] for step in steps} == {report.call_sid}
    assert {(step["From"], step["To"]) for step in steps} == {("+15550100002", A)}
    bridge, _, _ = await dial(f"<Dial>{number}</Dial>", callees={A: busy()})
    assert [step["CallStatus"] for step in told(bridge, "/progress")] == ["initiated", "ringing", "busy"]


async def test_a_sip_address_keeps_its_headers_for_whoever_answers():
    sip = "sip:desk@pbx.example?x-summary=two%20words"
    _, report, network = await dial(f"<Dial><Sip username='u'>{sip}</Sip></Dial>", callees={"sip:desk@*": PERSON})
    assert report.dialled == [sip]
    leg = child(network, "sip:desk@pbx.example")
    assert leg.address == sip


async def test_a_star_of_the_caller_and_the_time_limit_end_the_talk_but_not_the_call():
    long = listener(600.0, is_spoken=False)
    star = CallScript((Wait(8), Digits("*"), Wait(60)), quiet_s=0.1)
    dials = f"<Dial action='/dialled' hangupOnStar='true'>{A}</Dial>"
    bridge, _, network = await dial(dials, callees={A: long}, script=star)
    assert bridge.params("/dialled")["DialCallStatus"] == "completed"
    assert bridge.params("/dialled")["CallStatus"] == "in-progress"
    assert child(network, A).account.status == "completed"
    bridge, _, _ = await dial(f"<Dial action='/dialled' timeLimit='7'>{A}</Dial>", callees={A: long})
    assert bridge.params("/dialled")["DialCallDuration"] == "7"


async def test_a_caller_who_hangs_up_in_the_talk_ends_both_legs():
    long = listener(600.0, is_spoken=False)
    script = CallScript((Wait(9), HangUp()))
    bridge, report, network = await dial(f"<Dial action='/dialled'>{A}</Dial>", callees={A: long}, script=script)
    assert bridge.params("/dialled")["CallStatus"] == "completed"
    assert report.reason == "transferred"
    assert child(network, A).account.status == "completed"


@pytest.mark.parametrize(("wish", "channels"), [("record-from-answer-dual", 2), ("true", 1)])
async def test_a_talk_is_recorded(wish, channels):
    dials = f"<Dial action='/dialled' record='{wish}' recordingStatusCallback='/recorded'>{A}</Dial>"
    bridge, _, network = await dial(dials, callees={A: PERSON})
    (taken,) = network.recordings.all()
    assert bridge.params("/dialled")["RecordingUrl"].endswith(taken.sid)
    assert (taken.channels, taken.source) == (channels, "DialVerb")
    assert taken.duration_s >= 4
    (notice,) = told(bridge, "/recorded")
    assert (notice["RecordingSid"], notice["RecordingStatus"]) == (taken.sid, "completed")


async def test_a_caller_id_must_be_a_number_of_the_account_or_an_end_of_the_call():
    async with serving(goodbye, answers={"/dialled": twiml("<Hangup/>")}) as bridge:
        line = bridge.line()
        for caller_id, status in (
            ("+15550100099", "failed"),
            (line.called, "completed"),
            ("+15550100077", "completed"),
        ):
            bridge.answers["/twilio/voice"] = twiml(f"<Dial action='/dialled' callerId='{caller_id}'>{A}</Dial>")
            async with Network(line) as network:
                network.numbers = frozenset({"+15550100077"})
                report = await Phone(line, network=network).call(PATIENT)
            assert report.dial_statuses == [status]
            assert [problem[:5] for problem in report.violations] == (["13214"] if status == "failed" else [])


async def test_machine_detection_of_a_number_is_told_beside_the_call():
    number = f"<Number machineDetection='Enable' amdStatusCallback='/amd'>{A}</Number>"
    bridge, _, _ = await dial(f"<Dial>{number}</Dial>", callees={A: PERSON})
    assert bridge.params("/amd")["AnsweredBy"] == "human"


async def test_answer_on_bridge_leaves_the_call_ringing_until_somebody_answers():
    dials = f"<Dial action='/dialled' answerOnBridge='true'>{A}</Dial>"
    bridge, _, _ = await dial(dials, callees={A: busy()})
    assert bridge.params("/dialled")["CallStatus"] == "ringing"
    bridge, _, _ = await dial(dials, callees={A: PERSON})
    assert bridge.params("/dialled")["CallStatus"] == "in-progress"


async def test_a_talk_in_real_time_takes_its_time():
    callee = listener(0.1, is_spoken=False, rings_s=0.1)
    bridge, report, _ = await dial(f"<Dial action='/dialled'>{A}</Dial>", callees={A: callee}, in_real_time=True)
    assert (bridge.params("/dialled")["DialCallDuration"], report.reason) == ("1", "transferred")
    assert len(report.heard_pcm16) / 16 >= 1200
