"""What the network does by itself; the phone's clock is put forward, so that nothing here takes time."""

import io
import wave

import pytest
from aiohttp import web

from ivr_bridge.simulator.phone import network_verbs, sounds
from ivr_bridge.simulator.phone.caller import CallScript, Digits, HangUp, Say, Wait
from ivr_bridge.simulator.phone.phone import Phone

from .scripted_bridge import CONNECT, goodbye, serving, tone
from .test_placed_call import PATIENT, place, twiml

WORDS = Say(tone(1000), "please call me back")


async def call(answers, script=PATIENT, *, agent=goodbye, on_event=None, **line_changes):
    """One call; returns the bridge and the phone's report."""
    async with serving(agent, answers=answers) as bridge:
        report = await Phone(bridge.line(**line_changes), on_event=on_event).call(script)
    return bridge, report


def wav_answer(pcm16):
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setparams((1, 2, 8000, 0, "NONE", ""))
        wav.writeframes(pcm16)
    return web.Response(body=file.getvalue(), content_type="audio/wav")


async def test_a_dial_that_is_answered_rings_says_hello_and_reports_to_its_action():
    answers = {
        "/twilio/voice": twiml("<Dial action='dialled' timeout='5'><Number>+15550100009</Number></Dial>"),
        "/twilio/dialled": twiml("<Hangup/>"),
    }
    events = []
    bridge, report = await call(answers, on_event=events.append)
    params = bridge.params("/twilio/dialled")
    assert (params["DialCallStatus"], params["DialCallDuration"], params["DialBridged"]) == ("completed", "13", "true")
    assert params["DialCallSid"].startswith("CA")
    assert (report.result, report.reason) == ("completed", "transferred")
    assert (report.dialled, report.dial_statuses) == (["+15550100009"], ["completed"])
    kinds = [(event.kind, event.text) for event in events if event.kind != "webhook_answered"]
    assert kinds[:4] == [
        ("dialled", "+15550100009"),
        ("ringing", "+15550100009"),
        ("person_speaking", sounds.HELLO),
        ("dial_ended", "completed after 13 s"),
    ]
    (ring, hello) = report.network_heard_at_ms
    assert (round(ring[0]), round(ring[1])) == (0, pytest.approx(2000, abs=2))
    assert (round(hello[0]), round(hello[1])) == (pytest.approx(3000, abs=22), pytest.approx(4000, abs=22))


@pytest.mark.parametrize(("status", "heard_ms"), [("no-answer", 1000), ("busy", 0), ("failed", 0)])
async def test_a_dial_that_nobody_answers(status, heard_ms):
    answers = {
        "/twilio/voice": twiml("<Dial action='dialled' timeout='1'><Number>+15550100009</Number></Dial>"),
        "/twilio/dialled": twiml("<Say>They did not answer.</Say>"),
    }
    bridge, report = await call(answers, dial_call_status=status)
    assert (report.dial_statuses, report.said_by_network) == ([status], ["They did not answer."])
    assert (report.result, report.reason) == ("refused", "turned_away"), "not transferred"
    params = bridge.params("/twilio/dialled")
    assert params["DialCallStatus"] == status
    assert "DialCallDuration" not in params
    said_ms = len("They did not answer.") * sounds.TONE_MS_PER_CHAR
    assert sum(end - start for start, end in report.network_heard_at_ms) == pytest.approx(heard_ms + said_ms, abs=5)


async def test_a_caller_who_hangs_up_while_it_rings_was_not_transferred():
    answers = {"/twilio/voice": twiml("<Dial action='dialled'>+15550100009</Dial><Say>Never.</Say>")}
    bridge, report = await call(answers, CallScript((Wait(1), HangUp())))
    assert (report.result, report.reason, report.dial_statuses) == ("completed", "caller_hung_up", ["no-answer"])
    assert bridge.params("/twilio/dialled")["CallStatus"] == "completed"
    assert report.said_by_network == []
    _, report = await call(answers, CallScript((Wait(5), HangUp())))
    assert (report.reason, report.dial_statuses) == ("transferred", ["completed"])


async def test_a_gather_takes_the_scripts_keys():
    menu = twiml("<Gather action='/menu' numDigits='2'><Say>Press.</Say></Gather><Say>Nothing pressed.</Say>")
    answers = {"/twilio/voice": menu, "/menu": twiml("<Say>Thanks.</Say>")}
    script = CallScript((Digits("123#"), Wait(60)))
    bridge, log = await place(answers, script=script)
    assert (bridge.params("/menu")["Digits"], bridge.params("/menu")["FinishedOnKey"]) == ("12", "")
    assert log.said_by_network == ["Press.", "Thanks."]
    _, log = await place(answers, script=PATIENT)
    assert log.said_by_network == ["Press.", "Nothing pressed."]


async def test_a_gather_ends_at_its_key_or_when_no_more_comes_and_a_key_stops_the_prompt():
    menu = twiml(f"<Gather action='/menu' timeout='2'><Say>{'Press a key. ' * 9}</Say></Gather>")
    answers = {"/twilio/voice": menu, "/menu": twiml("")}
    bridge, report = await call(answers, CallScript((Digits("12#", barge_in=True, after_ms=500), Wait(60))))
    assert (bridge.params("/menu")["Digits"], bridge.params("/menu")["FinishedOnKey"]) == ("12", "#")
    assert report.network_heard_at_ms[0][1] == pytest.approx(540, abs=41)
    bridge, report = await call(answers, CallScript((Digits("7", barge_in=True, after_ms=500), Wait(60))))
    assert (bridge.params("/menu")["Digits"], bridge.params("/menu")["FinishedOnKey"]) == ("7", "")
    assert len(report.heard_pcm16) / 16 == pytest.approx(540 + 2000, abs=80)


async def test_a_record_takes_the_callers_words_after_a_beep():
    answers = {
        "/twilio/voice": twiml("<Record action='/voicemail' maxLength='60' timeout='2'/><Say>Nothing.</Say>"),
        "/voicemail": twiml("<Hangup/>"),
    }
    events = []
    bridge, report = await call(answers, CallScript((WORDS, Wait(60))), on_event=events.append)
    params = bridge.params("/voicemail")
    assert params["RecordingSid"].startswith("RE")
    assert params["RecordingUrl"].endswith(params["RecordingSid"])
    assert params["RecordingDuration"] == "4", "1 s until they speak, 1 s of words, 2 s of silence, the beep apart"
    assert "Digits" not in params
    assert [(beep[0], round(beep[1])) for beep in report.network_heard_at_ms] == [(0, pytest.approx(400, abs=2))]
    assert (report.result, report.reason) == ("completed", "voicemail_left")
    assert [recording.sid for recording in report.recordings] == [params["RecordingSid"]]
    assert b"\xff" * 8000 not in report.recordings[0].mulaw[8000:16000]
    kinds = [event.kind for event in events]
    assert kinds.index("recording_started") < kinds.index("caller_speaking") < kinds.index("recording_ended")


@pytest.mark.parametrize(
    ("attributes", "script", "duration", "digits"),
    [
        ("maxLength='2'", (Say(tone(5000)), Wait(60)), "2", None),
        ("", (WORDS, HangUp()), "1", "hangup"),
        ("timeout='9'", (Say(tone(1000), expects_answer=False), Digits("*"), Wait(9)), "2", "*"),
        ("timeout='1' finishOnKey='#'", (Say(tone(1000), expects_answer=False), Digits("*"), Wait(9)), "2", None),
    ],
)
async def test_how_a_recording_ends(attributes, script, duration, digits):
    answers = {
        "/twilio/voice": twiml(f"<Record action='/voicemail' {attributes}/>"),
        "/voicemail": twiml("<Say>Thanks.</Say>"),
    }
    bridge, report = await call(answers, CallScript(script, quiet_s=0.8))
    params = bridge.params("/voicemail")
    assert (params["RecordingDuration"], params.get("Digits")) == (duration, digits)
    assert params["CallStatus"] == ("completed" if digits == "hangup" else "in-progress")
    assert report.said_by_network == ([] if digits == "hangup" else ["Thanks."])
    assert (report.result, report.reason) == ("completed", "voicemail_left")


async def test_a_message_without_a_word_is_none():
    answers = {"/twilio/voice": twiml("<Record action='/voicemail' maxLength='9'/><Say>Nothing.</Say>")}
    bridge, report = await call(answers)
    assert report.said_by_network == ["Nothing."]
    assert (report.recordings, "/voicemail" in bridge.paths()) == ([], False)


async def test_a_stream_a_person_who_is_busy_and_another_stream_lie_on_one_recording():
    answers = {
        "/twilio/stream-ended": [
            twiml("<Say>One moment.</Say><Dial action='/busy'>+15550100009</Dial>"),
            twiml("<Hangup/>"),
        ],
        "/busy": CONNECT,
    }
    _, report = await call(answers, CallScript(), dial_call_status="busy")
    assert (len(report.stream_sids), report.said_by_network, report.violations) == (2, ["One moment."], [])
    assert (report.result, report.reason) == ("completed", "agent_hung_up")
    (said,) = report.network_heard_at_ms
    first, second = report.heard_at_ms
    assert said[1] - said[0] == pytest.approx(len("One moment.") * sounds.TONE_MS_PER_CHAR, abs=21)
    assert first[1] <= said[0] < said[1] <= second[0], "all three, one behind the other"
    assert len(report.caller_pcm16) == len(report.heard_pcm16)


async def test_what_is_played_is_fetched_and_must_be_audio():
    answers = {
        "/twilio/voice": twiml("<Play loop='2'>/prompts/a.wav</Play><Play digits='1w2'/>"),
        "/prompts/a.wav": wav_answer(tone(100)),
    }
    bridge, report = await call(answers)
    assert report.played_by_network == ["/prompts/a.wav", "1w2"]
    assert ("/prompts/a.wav" in bridge.paths(), report.violations) == (True, [])
    (clip, *keys) = report.network_heard_at_ms
    assert clip[0] == pytest.approx(0, abs=1)
    assert keys[-1][1] == pytest.approx(200 + 160 + 500 + 100, abs=41)
    answers["/prompts/a.wav"] = 404
    _, report = await call(answers)
    assert report.violations[0].startswith("11200")
    answers["/prompts/a.wav"] = twiml("")
    _, report = await call(answers)
    assert report.violations[0].startswith("12300")


@pytest.mark.parametrize("url", ["/prompts/a.mp3", "https://elsewhere.example/a.wav"])
async def test_a_tone_stands_for_a_file_that_cannot_be_read_here_and_says_so(url):
    answers = {
        "/twilio/voice": twiml(f"<Play>{url}</Play>"),
        "/prompts/a.mp3": web.Response(body=b"ID3", content_type="audio/mpeg"),
    }
    events = []
    _, report = await call(answers, on_event=events.append)
    assert report.network_heard_at_ms == [(pytest.approx(0, abs=1), pytest.approx(sounds.UNKNOWN_CLIP_MS, abs=1))]
    assert [event.text for event in events if event.kind == "played_by_network"] == [network_verbs.TONE_NOTE + url]


async def test_words_are_spoken_in_real_time_or_a_tone_says_that_it_stands_for_them(monkeypatch):
    answers = {"/twilio/voice": twiml("<Say language='es-MX'>Hola.</Say>")}
    for spoken, text in ((sounds.stand_in(100), "Hola."), (None, network_verbs.TONE_NOTE + "Hola.")):
        asked, events = [], []

        def words(text, language, spoken=spoken, asked=asked):
            asked.append((text, language))
            return spoken

        monkeypatch.setattr(sounds, "words", words)
        _, report = await call(answers, in_real_time=True, on_event=events.append)
        assert (asked, report.said_by_network) == ([("Hola.", "es-MX")], ["Hola."])
        assert [event.text for event in events if event.kind == "said_by_network"] == [text]
        ((start, end),) = report.network_heard_at_ms
        assert end - start == pytest.approx(100 if spoken else 300, abs=5)


async def test_the_caller_may_hang_up_while_the_network_speaks():
    answers = {"/twilio/voice": twiml(f"<Say>{'word ' * 20}</Say><Say>More.</Say>")}
    bridge, report = await call(answers, CallScript((Wait(1), HangUp())))
    assert (report.result, report.reason) == ("completed", "caller_hung_up")
    assert len(report.said_by_network) == 1
    assert report.network_heard_at_ms[0][1] == pytest.approx(1020, abs=21)
    assert bridge.params("/twilio/status")["CallStatus"] == "completed"


async def test_a_pause_takes_its_time():
    _, report = await call({"/twilio/voice": twiml("<Pause length='30'/><Say>Hello.</Say>")})
    assert report.network_heard_at_ms[0][0] == pytest.approx(30_000, abs=100)
