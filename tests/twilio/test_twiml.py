from xml.etree import ElementTree

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


def test_hang_up():
    assert twiml.hang_up() == HEAD + "<Response><Hangup /></Response>"
