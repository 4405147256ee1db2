import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr_bridge.audio.formats import AudioFormat
from ivr_bridge.audio.framer import Framer, base64_bytes, base64_ms, cut_base64


@given(st.lists(st.binary(max_size=500), max_size=20), st.integers(1, 700))
def test_any_chunks_give_the_same_bytes_in_whole_frames(chunks: list[bytes], frame_bytes: int) -> None:
    framer = Framer(frame_bytes)
    out = [framer.push(chunk) for chunk in chunks]
    assert all(len(piece) % frame_bytes == 0 for piece in out)
    assert framer.waiting_bytes == len(b"".join(chunks)) % frame_bytes
    last = framer.flush(0xFF)
    assert len(last) in (0, frame_bytes)
    joined = b"".join(chunks)
    assert b"".join([*out, last]) == joined + b"\xff" * (-len(joined) % frame_bytes)


def test_a_frame_is_given_as_soon_as_it_is_whole() -> None:
    framer = Framer(160)
    assert framer.push(b"a" * 159) == b""
    assert framer.push(b"bc") == b"a" * 159 + b"b"
    assert framer.push(b"d" * 319) == b"c" + b"d" * 319


def test_reset_drops_the_remainder_and_flush_gives_it_once() -> None:
    framer = Framer(4)
    framer.push(b"abc")
    framer.reset()
    assert framer.flush(0) == b""
    framer.push(b"de")
    assert framer.flush(0) == b"de\0\0"
    assert framer.flush(0) == b""


def test_a_frame_has_bytes() -> None:
    with pytest.raises(ValueError, match="at least one byte"):
        Framer(0)


@given(st.binary(max_size=6000))
def test_pieces_of_base64_are_base64_of_the_pieces(audio: bytes) -> None:
    payload = base64.b64encode(audio).decode()
    pieces = cut_base64(payload)
    assert "".join(pieces) == payload
    assert b"".join(base64.b64decode(piece, validate=True) for piece in pieces) == audio
    assert all(piece for piece in pieces)
    for piece in pieces[:-1]:
        assert len(base64.b64decode(piece)) % 480 == 0
        assert 60 <= base64_ms(piece) <= 200
    if pieces:
        assert base64_ms(pieces[-1]) <= 200
    assert sum(base64_bytes(piece) for piece in pieces) == len(audio)


def test_a_second_is_cut_at_180_ms() -> None:
    payload = base64.b64encode(b"\xff" * 8000).decode()
    assert [base64_ms(piece) for piece in cut_base64(payload)] == [180.0] * 5 + [100.0]
    assert [base64_ms(piece) for piece in cut_base64(payload, 4 * 640)] == [240.0] * 4 + [40.0]


@pytest.mark.parametrize("whole_chars", [0, -4, 6])
def test_a_cut_inside_a_byte_is_refused(whole_chars: int) -> None:
    with pytest.raises(ValueError, match="multiples of 4"):
        cut_base64("AAAA", whole_chars)


@given(st.binary(max_size=400))
def test_length_is_told_from_the_text_with_and_without_padding(audio: bytes) -> None:
    payload = base64.b64encode(audio).decode()
    assert base64_bytes(payload) == len(audio)
    assert base64_bytes(payload.rstrip("=")) == len(audio)
    assert base64_ms(payload) == AudioFormat.parse("ulaw_8000").duration_ms(len(audio))
