"""Text to speech: what is asked for, and what is not taken for audio."""

import base64
import json
from contextlib import aclosing
from typing import Any

import pytest
from aiohttp import web

from ivr_bridge.elevenlabs.rest.request import Repeat
from ivr_bridge.elevenlabs.rest.text_to_speech import TextToSpeech, TimedAudio
from ivr_bridge.elevenlabs.rest.transport import Transport
from ivr_bridge.errors import VendorFailed, VendorRejected, VendorUnreachable
from tests.support.vendor_answers import VendorAnswers
from tests.support.vendor_server import vendor_server

WRONG = r"empty|voice setting"
FLASH, MULTILINGUAL = "eleven_flash_v2_5", "eleven_multilingual_v2"
ALIGNMENT = {
    "characters": ["H", "i"],
    "character_start_times_seconds": [0, 0.1],
    "character_end_times_seconds": [0.1, 0.25],
}


def speech(vendor: VendorAnswers) -> TextToSpeech:
    return TextToSpeech(vendor.transport)


def timed(audio: bytes, **more: Any) -> dict[str, Any]:
    return {"audio_base64": base64.b64encode(audio).decode(), **more}


def lines(*objects: Any, end: bytes = b"\n") -> bytes:
    return b"\n".join(json.dumps(thing).encode() for thing in objects) + end


async def test_what_is_asked_for():
    vendor = VendorAnswers(b"\x00\x01")
    audio = await speech(vendor).convert(
        voice_id="v/1",
        text="Hola",
        model_id=FLASH,
        language_code="es",
        voice_settings={"speed": 1.1, "style": None},
        seed=7,
        enable_logging=False,
        previous_request_ids=["r1"],
    )
    assert audio == b"\x00\x01"
    assert vendor.asked == [("POST /v1/text-to-speech/v%2F1", {"output_format": "pcm_16000", "enable_logging": False})]
    assert vendor.bodies == [
        {
            "text": "Hola",
            "model_id": FLASH,
            "language_code": "es",
            "voice_settings": {"speed": 1.1},
            "seed": 7,
            "previous_request_ids": ["r1"],
        }
    ]
    assert vendor.requests[0].repeat is Repeat.SAFE, "nobody has heard anything yet"


async def test_what_is_not_given_is_left_out_and_the_format_never():
    vendor = VendorAnswers(b"\x00\x01")
    await speech(vendor).convert(voice_id="v", text="Hi", voice_settings={}, language_code=None)
    assert vendor.bodies == [{"text": "Hi", "model_id": FLASH}]
    assert vendor.asked[0][1] == {"output_format": "pcm_16000"}


async def test_the_language_is_not_told_to_a_model_that_refuses_it():
    vendor = VendorAnswers(b"\x00\x01")
    await speech(vendor).convert(voice_id="v", text="Hola", model_id=MULTILINGUAL, language_code="es")
    assert "language_code" not in vendor.bodies[0]


async def test_half_a_sample_is_no_pcm_but_may_be_mulaw():
    with pytest.raises(VendorFailed, match="3 bytes"):
        await speech(VendorAnswers(b"abc")).convert(voice_id="v", text="Hi")
    mulaw = await speech(VendorAnswers(b"abc")).convert(voice_id="v", text="Hi", output_format="ulaw_8000")
    assert mulaw == b"abc"
    with pytest.raises(VendorFailed, match="3 bytes"):
        _ = [piece async for piece in speech(VendorAnswers([b"ab", b"c"])).stream(voice_id="v", text="Hi")]
    with pytest.raises(VendorFailed, match="3 bytes"):
        await speech(VendorAnswers(timed(b"abc"))).convert_with_timestamps(voice_id="v", text="Hi")
    broken = speech(VendorAnswers([lines(timed(b"abc"))])).stream_with_timestamps(voice_id="v", text="Hi")
    assert (await anext(broken)).audio == b"abc"
    with pytest.raises(VendorFailed, match="3 bytes"):
        await anext(broken)


@pytest.mark.parametrize(
    "wrong",
    [
        {"text": ""},
        {"text": "  \n"},
        {"voice_settings": {"speed": 0.69}},
        {"voice_settings": {"speed": 1.21}},
        {"voice_settings": {"stability": "high"}},
    ],
)
async def test_what_cannot_be_spoken_is_not_asked_for(wrong: dict[str, Any]):
    vendor = VendorAnswers(b"")
    tts = speech(vendor)
    wanted: Any = {"voice_id": "v", "text": "Hi", **wrong}
    with pytest.raises(ValueError, match=WRONG):
        await tts.convert(**wanted)
    with pytest.raises(ValueError, match=WRONG):
        await tts.convert_with_timestamps(**wanted)
    for stream in (tts.stream, tts.stream_with_timestamps):
        with pytest.raises(ValueError, match=WRONG):
            await anext(stream(**wanted))
    assert vendor.requests == []


async def test_a_file_with_a_length_in_its_head_is_not_streamed():
    for stream in (speech(VendorAnswers([])).stream, speech(VendorAnswers([])).stream_with_timestamps):
        with pytest.raises(ValueError, match="wav_8000"):
            await anext(stream(voice_id="v", text="Hi", output_format="wav_8000"))


@pytest.mark.parametrize(
    ("output_format", "pieces", "given"),
    [
        ("pcm_8000", [b"abc", b"d", b"e", b"f"], [b"ab", b"cd", b"ef"]),
        ("pcm_8000", [b"abcd"], [b"abcd"]),
        ("ulaw_8000", [b"abc", b"d"], [b"abc", b"d"]),
    ],
)
async def test_pieces_hold_whole_samples(output_format: str, pieces: list[bytes], given: list[bytes]):
    vendor = VendorAnswers(pieces)
    stream = speech(vendor).stream(voice_id="v", text="Hi", output_format=output_format)
    assert [piece async for piece in stream] == given
    assert vendor.asked == [("POST /v1/text-to-speech/v/stream", {"output_format": output_format})]


async def test_a_stream_that_breaks_off_is_an_error():
    stream = speech(VendorAnswers([b"ab", VendorUnreachable("cut")])).stream(voice_id="v", text="Hi")
    assert await anext(stream) == b"ab"
    with pytest.raises(VendorUnreachable):
        await anext(stream)


async def test_times_of_a_whole_clip():
    vendor = VendorAnswers(timed(b"\x00\x01", alignment=ALIGNMENT, normalized_alignment=None, new=1))
    clip = await speech(vendor).convert_with_timestamps(voice_id="v", text="Hi")
    assert clip.audio == b"\x00\x01"
    assert clip.alignment is not None
    assert clip.alignment.character_end_times_seconds == (0.1, 0.25)
    assert vendor.asked[0][0] == "POST /v1/text-to-speech/v/with-timestamps"
    assert "AAE" not in repr(clip), "a clip is no text to print"


@pytest.mark.parametrize(
    ("answer", "words"), [({"audio_base64": "%%"}, "base64"), ({"audio_base64": ""}, "empty"), ({"x": 1}, "TimedAudio")]
)
async def test_what_is_no_clip_with_times(answer: dict[str, Any], words: str):
    with pytest.raises(VendorFailed, match=words):
        await speech(VendorAnswers(answer)).convert_with_timestamps(voice_id="v", text="Hi")


@pytest.mark.parametrize("cut_bytes", [1, 7, 10_000])
@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n"])
async def test_times_of_a_stream_however_its_lines_are_cut(cut_bytes: int, end: bytes):
    body = lines(timed(b"ab", alignment=ALIGNMENT), timed(b"cd"), timed(b""), end=end)
    vendor = VendorAnswers([body[at : at + cut_bytes] for at in range(0, len(body), cut_bytes)])
    pieces = [piece async for piece in speech(vendor).stream_with_timestamps(voice_id="v", text="Hi")]
    assert [piece.audio for piece in pieces] == [b"ab", b"cd", b""]
    assert [piece.alignment is None for piece in pieces] == [False, True, True]
    assert vendor.asked[0][0] == "POST /v1/text-to-speech/v/stream/with-timestamps"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (lines(timed(b"")), "empty"),
        (b"<html>", "no JSON"),
        (lines(timed(b"ab"), {"detail": {"message": "credits exhausted"}}), "credits exhausted"),
        (lines(timed(b"ab"), [1]), "TimedAudio"),
        (lines(timed(b"ab"))[:-5], "no JSON"),
    ],
)
async def test_what_is_no_stream_with_times(body: bytes, words: str):
    with pytest.raises(VendorFailed, match=words):
        _ = [p async for p in speech(VendorAnswers([body])).stream_with_timestamps(voice_id="v", text="Hi")]


async def test_pitfall_14_an_error_in_json_is_never_played():
    """Over a real socket: status and content type both lie in turn."""
    answers = iter(
        [
            web.json_response({"detail": {"status": "quota_exceeded", "message": "0 credits"}}, status=401),
            web.json_response({"detail": {"status": "quota_exceeded", "message": "0 credits"}}),
            web.Response(body=b'{"detail": "quota"}', content_type="audio/mpeg"),
        ]
    )

    async def speak(_: web.Request) -> web.Response:
        return next(answers)

    async with vendor_server(routes={"POST /v1/text-to-speech/v/stream": speak}) as vendor:
        transport = Transport(vendor.http_url, ("sk",))
        try:
            for error in (VendorRejected, VendorFailed, VendorFailed):
                with pytest.raises(error):
                    await anext(TextToSpeech(transport).stream(voice_id="v", text="Hi"))
        finally:
            await transport.close()


async def test_who_stops_early_fetches_no_more():
    let_go = 0

    async def speak(request: web.Request) -> web.StreamResponse:
        nonlocal let_go
        answer = web.StreamResponse(headers={"Content-Type": "audio/basic"})
        await answer.prepare(request)
        try:
            while True:
                await answer.write(bytes(1600))
        except ConnectionError:
            let_go += 1
            raise

    async with vendor_server(routes={"POST /v1/text-to-speech/v/stream": speak}) as vendor:
        transport = Transport(vendor.http_url, ("sk",))
        try:
            stream = TextToSpeech(transport).stream(voice_id="v", text="Hi", output_format="ulaw_8000")
            async with aclosing(stream) as pieces:
                assert await anext(pieces)
        finally:
            await transport.close()
    assert let_go == 1


def test_a_clip_can_be_made_of_what_is_needed():
    assert TimedAudio(audio_base64="").audio == b""
