"""Every answer of the desk's is a document, with our own addresses where Twilio comes back."""

from typing import get_args
from xml.etree import ElementTree

import pytest

from ivr_bridge.simulator.phone.twiml_reader import read_twiml
from ivr_bridge.twilio.answer_text import answer_text
from ivr_bridge.twilio.call_desk import (
    Answer,
    AskToAccept,
    ConnectStream,
    DialNumber,
    GatherKeys,
    HangUp,
    JoinRoom,
    RecordMessage,
    SayAndHangUp,
    Spoken,
    VendorsTwiml,
)

BASE = "https://h.example"
WORDS = Spoken("Words.", "en")
ENDED = f'action="{BASE}/twilio/stream-ended" method="POST"'
HEAD = '<?xml version="1.0" encoding="UTF-8"?><Response>'

GOLDEN: list[tuple[Answer, str]] = [
    (
        ConnectStream("tok", WORDS),
        f'<Connect {ENDED}><Stream statusCallback="{BASE}/twilio/stream-status" url="wss://h.example/twilio/media/0">'
        '<Parameter name="token" value="tok" /></Stream></Connect><Say language="en-US">Words.</Say><Hangup />',
    ),
    (SayAndHangUp(WORDS), '<Say language="en-US">Words.</Say><Hangup />'),
    (
        DialNumber("+15550100", WORDS, 25, "+15550199", {}, 600),
        f'<Say language="en-US">Words.</Say><Dial action="{BASE}/twilio/stream-ended" callerId="+15550199"'
        ' method="POST" timeLimit="600" timeout="25">+15550100</Dial>',
    ),
    (
        DialNumber("sips:desk@h.example", None, 25, "", {"X-Caller": "+15550101"}),
        f'<Dial {ENDED} timeout="25"><Sip>sips:desk@h.example?X-Caller=%2B15550101</Sip></Dial>',
    ),
    (
        JoinRoom("r", hold_url=f"{BASE}/m.wav", limit_s=600),
        f'<Dial {ENDED} timeLimit="600"><Conference beep="false" endConferenceOnExit="true" maxParticipants="2"'
        f' startConferenceOnEnter="false" waitMethod="GET" waitUrl="{BASE}/m.wav">r</Conference></Dial>',
    ),
    (
        JoinRoom("r", as_person=True),
        '<Dial><Conference beep="false" endConferenceOnExit="true" maxParticipants="2"'
        ' startConferenceOnEnter="true" waitMethod="GET" waitUrl="">r</Conference></Dial>',
    ),
    (
        AskToAccept("t-1", WORDS, 6),
        f'<Gather action="{BASE}/twilio/whisper/t-1/answered" actionOnEmptyResult="true" finishOnKey="" input="dtmf"'
        ' method="POST" numDigits="1" timeout="6"><Say language="en-US">Words.</Say></Gather><Hangup />',
    ),
    (
        RecordMessage(None, WORDS, 60),
        f'<Record action="{BASE}/twilio/voicemail" finishOnKey="#" maxLength="60" method="POST" playBeep="true"'
        ' timeout="5" /><Say language="en-US">Words.</Say><Hangup />',
    ),
    (HangUp(), "<Hangup />"),
]


@pytest.mark.parametrize(("answer", "inside"), GOLDEN, ids=lambda value: type(value).__name__)
def test_the_document(answer: Answer, inside: str) -> None:
    assert answer_text(answer, BASE) == f"{HEAD}{inside}</Response>"


def test_the_vendors_words_pass_as_they_stand() -> None:
    assert answer_text(VendorsTwiml("<Response>x</Response>"), BASE) == "<Response>x</Response>"


def test_every_kind_of_answer_has_a_document() -> None:
    shown = {type(answer) for answer, _ in GOLDEN} | {VendorsTwiml, GatherKeys}
    assert shown == set(get_args(Answer))


@pytest.mark.parametrize(("answer", "_"), GOLDEN, ids=lambda value: type(value).__name__)
def test_a_network_that_knows_only_what_twilio_knows_takes_it(answer: Answer, _: str) -> None:
    document = read_twiml(answer_text(answer, BASE).encode(), "text/xml", f"{BASE}/twilio/voice")
    assert document.problems == ()


@pytest.mark.parametrize(("answer", "_"), GOLDEN, ids=lambda value: type(value).__name__)
def test_every_way_back_is_ours(answer: Answer, _: str) -> None:
    document = ElementTree.fromstring(answer_text(answer, "http://127.0.0.1:8080"))
    for part in document.iter():
        for name, value in part.attrib.items():
            if name in ("action", "statusCallback"):
                assert value.startswith("http://127.0.0.1:8080/twilio/")
            if name == "url":
                assert value.startswith("ws://127.0.0.1:8080/twilio/media/")
