from xml.etree import ElementTree

import pytest

from ivr_bridge.twilio import twiml
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
        twiml.dial("+1", Spoken("a", "en"), "https://h/a"),
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
    plain = twiml.dial("+15550100", None, "https://h/e")
    assert plain == HEAD + '<Response><Dial action="https://h/e" method="POST">+15550100</Dial></Response>'
    spoken = ElementTree.fromstring(twiml.dial("+15550100", Spoken("One moment.", "es"), "https://h/e"))
    assert [(part.tag, part.text) for part in spoken] == [("Say", "One moment."), ("Dial", "+15550100")]


def test_dial_rings_as_long_as_it_was_told():
    dial = ElementTree.fromstring(twiml.dial("+15550100", None, "https://h/e", 20)).find("Dial")
    assert dial.attrib == {"action": "https://h/e", "method": "POST", "timeout": "20"}
    assert dial.text == "+15550100"
    assert "timeout" not in twiml.dial("+15550100", None, "https://h/e")


@pytest.mark.parametrize("address", ["sip:desk@h.example", "sips:desk@h.example;transport=tls?X-A=1&X-B=2"])
def test_dial_reaches_a_sip_address(address):
    dial = ElementTree.fromstring(twiml.dial(address, Spoken("One moment.", "en"), "https://h/e", 25)).find("Dial")
    assert dial.attrib == {"action": "https://h/e", "method": "POST", "timeout": "25"}
    assert not dial.text
    assert [(noun.tag, noun.text) for noun in dial] == [("Sip", address)]


def test_dial_is_the_last_verb_so_that_twilio_asks_what_follows():
    for number in ("+15550100", "sip:desk@h.example"):
        assert ElementTree.fromstring(twiml.dial(number, Spoken("a", "en"), "https://h/e", 5))[-1].tag == "Dial"


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
