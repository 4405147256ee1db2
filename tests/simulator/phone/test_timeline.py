import audioop

import pytest

from ivr_bridge.simulator.phone import sounds
from ivr_bridge.simulator.phone.call_note import CallNote
from ivr_bridge.simulator.phone.timeline import heard_timeline, label, sound_of

from .scripted_bridge import tone

SECOND = 16_000


def babble(length_ms):
    """Something like words: tones of many kinds with pauses between them."""
    words = b"".join(tone(110, hz=hz) + bytes(40 * 16) + tone(70, hz=2 * hz, peak=2000) for hz in range(200, 1000, 90))
    return (words * (length_ms * 16 // len(words) + 1))[: length_ms * 16]


def chords(length_ms):
    """Something like music: notes that follow each other without a pause."""
    note_ms = 100
    notes = [tone(note_ms, hz=261 + 70 * (n % 5)) for n in range(length_ms // note_ms)]
    voices = [tone(note_ms, hz=600 + 90 * (n % 3), peak=3000) for n in range(length_ms // note_ms)]
    third = tone(length_ms, hz=1200, peak=2500)
    return audioop.add(audioop.add(b"".join(notes), b"".join(voices), 2), third, 2)


def test_kinds_of_sound():
    assert sound_of(bytes(SECOND)) == ("silence", None)
    assert sound_of(tone(1000, peak=150))[0] == "silence"
    assert sound_of(tone(20) + bytes(SECOND - 320))[0] == "silence", "a click"
    assert sound_of(tone(1000, peak=32767)) == ("tone", pytest.approx(-3.0, abs=0.1))
    assert sound_of(audioop.ulaw2lin(sounds.ringing(1000), 2))[0] == "tone"
    assert sound_of(tone(300) + bytes(SECOND - 4800))[0] == "tone"
    assert sound_of(babble(1000))[0] == "speech"
    assert sound_of(chords(1000))[0] == "music"
    assert sound_of(bytes(SECOND // 2) + chords(500))[0] == "music", "it begins in the middle"
    assert sound_of(chords(300) + bytes(SECOND // 2))[0] == "speech", "too short to be sure"


def test_second_by_second_with_what_is_known():
    heard = babble(2000) + bytes(SECOND) + chords(1000) + babble(1500)
    notes = [
        CallNote(10, "agent.said", {"pii.text": "Hello."}),
        CallNote(2990, "filler.played", {"why": "turn: music"}),
        CallNote(4010, "prompt.played", {"prompt": "menu"}),
        CallNote(4500, "caller.keyed", {"pii.digit": "1"}),
    ]
    seconds = [(second.at_ms, second.sound, second.text) for second in heard_timeline(heard, notes)]
    assert seconds == [
        (0, "speech", "agent: Hello."),
        (1000, "speech", "agent: Hello."),
        (2000, "silence", ""),
        (3000, "music", "filler turn: music"),
        (4000, "speech", "prompt menu"),
        (5000, "speech", "prompt menu"),
    ]


def test_a_rest_of_less_than_100_ms_is_left_out():
    assert len(heard_timeline(babble(2080))) == 2
    assert len(heard_timeline(babble(2200), step_ms=200)) == 11
    assert heard_timeline(b"") == []


@pytest.mark.parametrize(
    ("name", "fields", "text"),
    [
        ("greeting.played", {}, "greeting"),
        ("said_by_network", {"text": "Sorry."}, "network: Sorry."),
        ("ringing", {"text": "+15550100009"}, "ringing +15550100009"),
        ("person_speaking", {"text": "Hello"}, "person: Hello"),
        ("caller.said", {"pii.text": "me"}, ""),
    ],
)
def test_words_for_what_is_heard(name, fields, text):
    assert label(CallNote(0, name, fields)) == text
