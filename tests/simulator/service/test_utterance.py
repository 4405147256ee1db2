import base64

import pytest

from ivr_bridge.simulator.service.mouth import Speech
from ivr_bridge.simulator.service.utterance import Utterance, pieces
from ivr_bridge.simulator.service.wire_audio import parse_format

SPEECH = Speech("one two", b"\x01\x02" * 8000, 8000, (0.0, 100.0, 200.0, 300.0, 500.0, 600.0, 800.0))


@pytest.mark.parametrize("odd", [False, True])
@pytest.mark.parametrize("name", ["ulaw_8000", "pcm_8000"])
def test_pieces_join_to_the_whole(name: str, odd: bool):
    wire = parse_format(name)
    cut = list(pieces(SPEECH, wire, 300, odd=odd))
    assert b"".join(base64.b64decode(piece.audio_base_64) for piece in cut) == wire.encode(SPEECH.pcm16)
    assert sum(piece.duration_ms for piece in cut) == pytest.approx(1000)
    assert "".join(char for piece in cut for char in piece.alignment["chars"]) == "one two"


def test_alignment_counts_from_the_piece():
    second = list(pieces(SPEECH, parse_format("ulaw_8000"), 300))[1]
    assert second.alignment["chars"] == [" ", "t"]
    assert second.alignment["char_start_times_ms"] == [0, 200]
    assert second.alignment["char_durations_ms"] == [200, 100]


def test_what_was_heard():
    utterance = Utterance(3, SPEECH)
    assert utterance.heard_text(10.0) == "..."
    assert not utterance.is_audible(10.0)
    utterance.started_at = 10.0
    assert utterance.heard_text(10.55) == "one..."
    assert utterance.heard_text(11.5) == "one two"


def test_audible_until_played():
    utterance = Utterance(3, SPEECH, started_at=10.0)
    assert utterance.is_audible(99.0), "there is more to send"
    utterance.sent_all = True
    assert utterance.is_audible(10.9)
    assert not utterance.is_audible(11.1)


def test_what_was_heard_of_a_text_without_spaces():
    utterance = Utterance(3, Speech("我在听", b"\x01\x02" * 8000, 8000, (0.0, 300.0, 600.0)), started_at=10.0)
    assert utterance.heard_text(10.5) == "我在..."
