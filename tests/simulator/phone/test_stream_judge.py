import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr_bridge.simulator.phone.stream_judge import Clear, Mark, Media, Rejected, judge

from .scripted_bridge import mulaw_tone

SID = "MZ" + "1" * 32
AUDIO = base64.b64encode(mulaw_tone(20)).decode()


def message(event, **body):
    return json.dumps({"event": event, "streamSid": SID, **body})


def test_exactly_the_vendors_messages_pass():
    assert judge(message("media", media={"payload": AUDIO}), SID) == Media(mulaw_tone(20))
    assert judge(message("media", media={"payload": "/w=="}), SID) == Media(b"\xff")
    assert judge(message("mark", mark={"name": "g1.s2"}), SID) == Mark("g1.s2")
    assert judge(message("clear"), SID) == Clear()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON"),
        ("[]", "not an object"),
        ("null", "not an object"),
        ('{"streamSid": "x"}', "none of media, mark, clear"),
        (message("ping"), "none of media, mark, clear"),
        (json.dumps({"event": ["media"], "streamSid": SID}), "none of media, mark, clear"),
        (json.dumps({"event": "clear"}), "missing key 'streamSid'"),
        (json.dumps({"event": "clear", "stream_sid": SID}), "extra key 'stream_sid'"),
        (json.dumps({"event": "clear", "streamSid": "MZ2"}), "streamSid is not this stream's"),
        (json.dumps({"event": "clear", "streamSid": None}), "streamSid is not this stream's"),
        (message("clear", sequenceNumber="1"), "extra key 'sequenceNumber'"),
        (message("media"), "missing key 'media'"),
        (message("media", media=AUDIO), "media: not an object"),
        (message("media", media={"payload": AUDIO, "track": "outbound"}), "extra key 'track'"),
        (message("media", media={}), "missing key 'payload'"),
        (message("media", media={"payload": ""}), "not a text, or empty"),
        (message("media", media={"payload": 5}), "not a text, or empty"),
        (message("media", media={"payload": "not base64!"}), "bad base64"),
        (message("media", media={"payload": AUDIO.rstrip("=") + "é"}), "bad base64"),
        (message("media", media={"payload": base64.b64encode(b"RIFF" + bytes(60)).decode()}), "file header"),
        (message("media", media={"payload": base64.b64encode(AUDIO.encode()).decode()}), "base64 inside base64"),
        (message("mark", mark={"name": 1}), "not a text, or empty"),
        (message("mark", mark={"name": "a", "id": 1}), "extra key 'id'"),
    ],
)
def test_anything_else_is_rejected_with_the_vendors_code(text, words):
    verdict = judge(text, SID)
    assert isinstance(verdict, Rejected)
    assert verdict.problem.startswith("31951 ")
    assert words in verdict.problem


@given(st.text() | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps))
def test_no_text_breaks_the_judge(text):
    assert isinstance(judge(text, SID), Rejected)


def test_deep_nesting_does_not_break_the_judge():
    assert isinstance(judge("[" * 100_000, SID), Rejected)
