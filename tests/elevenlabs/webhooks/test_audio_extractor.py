import base64
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr_bridge.elevenlabs.webhooks.audio_extractor import MAX_DEPTH, AudioExtractor
from tests.elevenlabs.signed_webhook import recording, transcription, webhook

MP3 = bytes(random.Random(1).randbytes(10_001))


def taken_apart(body: bytes, *lengths: int) -> tuple[bytes, bytes]:
    """Document and audio; the body comes in pieces of these lengths, over and over."""
    extractor, document, audio, at, turn = AudioExtractor(), b"", b"", 0, 0
    while at < len(body):
        length = lengths[turn % len(lengths)] if lengths else len(body)
        more, heard = extractor.feed(body[at : at + length])
        document, audio = document + more, audio + heard
        at, turn = at + length, turn + 1
    return document, audio + extractor.finish()


@pytest.mark.parametrize("lengths", [(), (1,), (2, 3, 5), (4096,), (7, 1000)])
def test_a_recording_comes_apart(lengths: tuple[int, ...]):
    document, audio = taken_apart(recording(MP3), *lengths)
    assert audio == MP3
    assert document == recording(b"")


@pytest.mark.parametrize("length", range(6))
def test_audio_of_every_length_modulo_three(length: int):
    assert taken_apart(recording(MP3[:length]), 5) == (recording(b""), MP3[:length])


def test_a_body_without_audio_is_its_own_document():
    for body in (transcription(), webhook("x", full_audio=None), b"[1, 2]", b"7", b"", b'{"full_audio": "YQ=="}'):
        assert taken_apart(body, 3) == (body, b"")


@pytest.mark.parametrize(
    "body",
    [
        {"full_audio": "YQ=="},
        {"data": [{"full_audio": "YQ=="}]},
        {"data": {"more": {"full_audio": "YQ=="}}},
        {"more": {"full_audio": "YQ=="}},
        [{"data": {"full_audio": "YQ=="}}],
        {"data": ["full_audio", "YQ=="]},
        {"data": {"x": "full_audio"}},
        {"data": {"x": '"full_audio": "YQ=="'}},
        {"data": {"full_audio_": "YQ==", "full_audi": "o"}},
        {"data": {"x" * 200: "YQ=="}},
        {"data": {}, "more": {"full_audio": "YQ=="}},
    ],
)
def test_only_one_place_is_the_audios(body: Any):
    text = json.dumps(body).encode()
    for lengths in ((), (1,)):
        assert taken_apart(text, *lengths) == (text, b"")


@pytest.mark.parametrize("lengths", [(), (1,), (3,)])
def test_the_text_may_be_escaped(lengths: tuple[int, ...]):
    audio = bytes([0xFB, 0xEF, 0xFF, 0x00])
    assert base64.b64encode(audio) == b"++//AA=="
    body = rb'{"data":{"full_audio":"\u002b+\/\/AA\u003D\u003d","x":"\"}\\"}}'
    assert taken_apart(body, *lengths) == (rb'{"data":{"full_audio":"","x":"\"}\\"}}', audio)


def test_a_missing_padding_is_no_error():
    assert taken_apart(b'{"data":{"full_audio":"YWI"}}', 2)[1] == b"ab"


@pytest.mark.parametrize(
    "body",
    [
        b'{"data":{"full_audio":"YQ==YQ=="}}',
        b'{"data":{"full_audio":"Y"}}',
        b'{"data":{"full_audio":"Y Q="}}',
        b'{"data":{"full_audio":"\xc3\xa9\xc3\xa9"}}',
        b'{"data":{"full_audio":"YQ\\q="}}',
        b'{"data":{"full_audio":"YQ\\ud800"}}',
        b'{"data":{"full_audio":"YQ==","full_audio":"YQ=="}}',
        b'{"data":{"full_audio":"YQ==',
        b'{"data":{"full_audio":"YQ=="}',
        b'{"data"',
        b"}",
        b"[" * (MAX_DEPTH + 1),
    ],
)
def test_what_cannot_be_understood_is_an_error(body: bytes):
    for lengths in ((), (1,), (4,)):
        with pytest.raises(ValueError):
            taken_apart(body, *lengths)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text('data"\\[]{},:', max_size=6), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(
    _json,
    st.dictionaries(st.text(max_size=6), _json, max_size=3),
    st.binary(max_size=50),
    st.booleans(),
    st.lists(st.integers(1, 9), min_size=1, max_size=5),
)
@settings(max_examples=300, deadline=None)
def test_any_json_around_it_stays_as_it_is(
    before: Any, beside: dict[str, Any], audio: bytes, ascii_only: bool, lengths: list[int]
):
    def body(text: str) -> bytes:
        data = {**beside, "full_audio": text, "z": before}
        return json.dumps({"a": before, "data": data, "b": [before]}, ensure_ascii=ascii_only).encode()

    assert taken_apart(body(base64.b64encode(audio).decode()), *lengths) == (body(""), audio)
