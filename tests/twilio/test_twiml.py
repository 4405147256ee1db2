from xml.etree import ElementTree

import pytest

from ivr_bridge.twilio import twiml
from ivr_bridge.twilio.call_desk import DialNumber, JoinRoom
from ivr_bridge.twilio.twiml import Spoken

HEAD = '<?xml version="1.0" encoding="UTF-8"?>'


def connect(token="tok-1", text="Sorry.", language="en"):
    return twiml.connect_stream(
        stream_url="wss://h.example/twilio/media/0",
        action_url="https://h.example/twilio/stream-ended",
        status_url="https://h.example/twilio/stream-status",
        token=token,
        apology=Spoken(text, language),
    )


def test_the_whole_answer_to_an_incoming_call():
    assert connect() == (
        HEAD + '<Response><Connect action="https://h.example/twilio/stream-ended" method="POST">'
        '<Stream statusCallback="https://h.example/twilio/stream-status" url="wss://h.example/twilio/media/0">'
        '<Parameter name="token" value="tok-1" /></Stream></Connect>'
        '<Say language="en-US">Sorry.</Say><Hangup /></Response>'
    )


def test_pitfall_dead_air_at_the_end_no_pause_and_a_hang_up_last():
    for text in (
        connect(),
        twiml.say_and_hang_up(Spoken("a", "en")),
        twiml.hang_up(),
        twiml.dial(DialNumber("+1", Spoken("a", "en")), "https://h/a"),
        twiml.join_room(JoinRoom("r"), "https://h/a"),
        twiml.ask_to_accept(Spoken("a", "en"), "https://h/a", 6),
    ):
        assert "<Pause" not in text
    for text in (connect(), twiml.say_and_hang_up(Spoken("a", "en")), twiml.hang_up()):
        assert ElementTree.fromstring(text)[-1].tag == "Hangup"


def test_pitfall_query_string_the_stream_url_has_none():
    stream = ElementTree.fromstring(connect()).find("Connect/Stream")
    assert "?" not in stream.attrib["url"]
    assert set(stream.attrib) == {"url", "statusCallback"}


def test_languages_of_twilios_voices():
    said = [
        ElementTree.fromstring(connect(language=code)).find("Say").attrib["language"]
        for code in ("en", "es", "zh", "en-GB")
    ]
    assert said == ["en-US", "es-MX", "cmn-CN", "en-GB"]


def test_text_is_escaped_and_only_what_xml_can_carry():
    text = twiml.say_and_hang_up(Spoken('a <b> & "c"\x00\x07 ñ 中\ud800', "en"))
    assert ElementTree.fromstring(text).find("Say").text == 'a <b> & "c" ñ 中'


def test_say_is_cut_at_twilios_limit_and_left_out_when_empty():
    assert len(ElementTree.fromstring(twiml.say_and_hang_up(Spoken("a" * 9000, "en"))).find("Say").text) == 4096
    assert twiml.say_and_hang_up(Spoken("  \x00", "en")) == HEAD + "<Response><Hangup /></Response>"


def test_dial_with_and_without_words():
    plain = twiml.dial(DialNumber("+15550100"), "https://h/e")
    assert plain == HEAD + '<Response><Dial action="https://h/e" method="POST">+15550100</Dial></Response>'
    spoken = ElementTree.fromstring(twiml.dial(DialNumber("+15550100", Spoken("One moment.", "es")), "https://h/e"))
    assert [(part.tag, part.text) for part in spoken] == [("Say", "One moment."), ("Dial", "+15550100")]


def test_dial_rings_as_long_as_it_was_told():
    dial = ElementTree.fromstring(twiml.dial(DialNumber("+15550100", ring_s=20), "https://h/e")).find("Dial")
    assert dial.attrib == {"action": "https://h/e", "method": "POST", "timeout": "20"}
    assert dial.text == "+15550100"
    assert "timeout" not in twiml.dial(DialNumber("+15550100"), "https://h/e")


def test_what_the_person_sees_and_how_long_they_may_talk():
    person = DialNumber("+15550100", caller_id="+15550199", limit_s=600)
    dial = ElementTree.fromstring(twiml.dial(person, "https://h/e")).find("Dial")
    assert (dial.attrib["callerId"], dial.attrib["timeLimit"]) == ("+15550199", "600")


def test_headers_reach_a_sip_address_and_no_number():
    headers = {"X-Caller": "+15550101", "X-Words": 'a & "b" ñ'}
    sip = twiml.dial(DialNumber("sip:desk@h.example", headers=headers), "https://h/e")
    address = "sip:desk@h.example?X-Caller=%2B15550101&X-Words=a%20%26%20%22b%22%20%C3%B1"
    assert ElementTree.fromstring(sip).find("Dial/Sip").text == address
    assert "X-" not in twiml.dial(DialNumber("+15550100", headers=headers), "https://h/e")


@pytest.mark.parametrize("address", ["sip:desk@h.example", "sips:desk@h.example;transport=tls?X-A=1&X-B=2"])
def test_dial_reaches_a_sip_address(address):
    dial = ElementTree.fromstring(twiml.dial(DialNumber(address, Spoken("One moment.", "en"), 25), "https://h/e")).find(
        "Dial"
    )
    assert dial.attrib == {"action": "https://h/e", "method": "POST", "timeout": "25"}
    assert not dial.text
    assert [(noun.tag, noun.text) for noun in dial] == [("Sip", address)]


def test_dial_is_the_last_verb_so_that_twilio_asks_what_follows():
    for number in ("+15550100", "sip:desk@h.example"):
        assert (
            ElementTree.fromstring(twiml.dial(DialNumber(number, Spoken("a", "en"), 5), "https://h/e"))[-1].tag
            == "Dial"
        )


def test_a_caller_waits_in_a_room_and_the_person_begins_it():
    waiting = twiml.join_room(
        JoinRoom("r-1", spoken=Spoken("One moment.", "en"), hold_url="https://h/m.wav"), "https://h/e"
    )
    assert waiting == (
        HEAD + '<Response><Say language="en-US">One moment.</Say><Dial action="https://h/e" method="POST">'
        '<Conference beep="false" endConferenceOnExit="true" maxParticipants="2" startConferenceOnEnter="false"'
        ' waitMethod="GET" waitUrl="https://h/m.wav">r-1</Conference></Dial></Response>'
    )
    person = twiml.join_room(JoinRoom("r-1", as_person=True), None)
    assert person == (
        HEAD + '<Response><Dial><Conference beep="false" endConferenceOnExit="true" maxParticipants="2"'
        ' startConferenceOnEnter="true" waitMethod="GET" waitUrl="">r-1</Conference></Dial></Response>'
    )


def test_pitfall_hold_music_of_twilios_own_an_empty_wait_url_is_silence():
    room = ElementTree.fromstring(twiml.join_room(JoinRoom("r"), "https://h/e")).find("Dial/Conference")
    assert room.attrib["waitUrl"] == ""


def test_a_person_is_asked_for_one_key_and_their_silence_is_told_too():
    asked = twiml.ask_to_accept(Spoken("Press 1.", "zh"), "https://h/answered", 6)
    assert asked == (
        HEAD + '<Response><Gather action="https://h/answered" actionOnEmptyResult="true" finishOnKey="" input="dtmf"'
        ' method="POST" numDigits="1" timeout="6"><Say language="cmn-CN">Press 1.</Say></Gather>'
        "<Hangup /></Response>"
    )


ASKED = Spoken("Leave a message.", "es")


def record(spoken=ASKED):
    thanks = Spoken("Goodbye.", "es")
    return twiml.record(spoken=spoken, thanks=thanks, max_s=90, action_url="https://h.example/twilio/voicemail")


def test_the_whole_answer_that_takes_a_message():
    assert record() == (
        HEAD + '<Response><Say language="es-MX">Leave a message.</Say>'
        '<Record action="https://h.example/twilio/voicemail" finishOnKey="#" maxLength="90" method="POST"'
        ' playBeep="true" timeout="5" />'
        '<Say language="es-MX">Goodbye.</Say><Hangup /></Response>'
    )


def test_a_recorder_whose_prompt_was_heard_already_begins_with_the_tone():
    tags = [part.tag for part in ElementTree.fromstring(record(spoken=None))]
    assert tags == ["Record", "Say", "Hangup"]


def test_pitfall_dead_air_behind_a_recorder_that_nobody_spoke_to():
    text = record()
    assert "<Pause" not in text
    assert ElementTree.fromstring(text)[-1].tag == "Hangup"
    assert "recordingStatusCallback" not in text, "its action tells where the message is"


def test_hang_up():
    assert twiml.hang_up() == HEAD + "<Response><Hangup /></Response>"


def test_what_there_is_as_audio_is_played_and_not_read_out() -> None:
    spoken = Spoken(
        "Busy. Goodbye.", "en", ("https://b.example/prompts/1.wav?a=1&b=2", "https://b.example/prompts/2.wav")
    )
    document = twiml.say_and_hang_up(spoken)
    assert "<Say" not in document
    assert document.count("<Play>") == 2
    assert "<Play>https://b.example/prompts/1.wav?a=1&amp;b=2</Play>" in document


def test_the_last_resort_behind_a_stream_is_read_out_for_nobody_would_give_out_its_audio() -> None:
    document = twiml.connect_stream(
        stream_url="wss://b.example/s", action_url="https://b.example/a", status_url="https://b.example/t", token="t",
        apology=Spoken("Sorry.", "en", ("https://b.example/prompts/1.wav",)),
    )  # fmt: skip
    assert "<Play>" not in document
    assert "Sorry." in document
