import io
import struct
import wave

import numpy as np
import pytest

from ivr_bridge.audio.g711 import alaw_decode, alaw_encode, mulaw_decode, mulaw_encode
from ivr_bridge.audio.tones import sine
from ivr_bridge.audio.wav import MULAW_HEADER_BYTES, in_turn, mended_header, mulaw_wav_header, read_wav, write_wav
from ivr_bridge.errors import AudioFormatError

TONE = sine(440, 50, 8000, -20.0)


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def file(tag: int, bits: int, audio: bytes, channels: int = 1, rate_hz: int = 8000, more: bytes = b"") -> bytes:
    step = channels * bits // 8
    described = struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * step, step, bits) + more
    body = (
        b"WAVE" + chunk(b"LIST", b"odd") + chunk(b"fmt ", described) + chunk(b"fact", bytes(4)) + chunk(b"data", audio)
    )
    return chunk(b"RIFF", body)


def test_what_is_written_is_read_back_by_us_and_by_the_standard_library() -> None:
    wav = write_wav([TONE], 8000)
    assert read_wav(wav) == (TONE, 8000)
    with wave.open(io.BytesIO(wav)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 8000)
        assert file.readframes(file.getnframes()) == TONE


def test_two_channels_stand_left_first_and_the_shorter_is_filled_up() -> None:
    right = TONE[:100]
    wav = write_wav([TONE, right], 16000)
    with wave.open(io.BytesIO(wav)) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 16000)
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    assert both[:, 0].tobytes() == TONE
    assert both[:, 1].tobytes() == right + bytes(len(TONE) - 100)


def test_stereo_is_averaged_without_wrapping() -> None:
    loud = np.full(10, 32767, "<i2").tobytes()
    assert read_wav(write_wav([loud, loud], 8000))[0] == loud
    assert read_wav(write_wav([loud, bytes(20)], 8000))[0] == np.full(10, 16384, "<i2").tobytes()


def test_g711_files_are_decoded() -> None:
    mulaw, alaw = mulaw_encode(TONE), alaw_encode(TONE)
    assert read_wav(file(7, 8, mulaw)) == (mulaw_decode(mulaw), 8000)
    assert read_wav(file(6, 8, alaw)) == (alaw_decode(alaw), 8000)
    assert read_wav(file(7, 8, mulaw, channels=2))[0] != mulaw_decode(mulaw)


def test_the_extensible_form_is_read() -> None:
    guid = struct.pack("<HHI", 22, 16, 4) + struct.pack("<H", 1) + bytes.fromhex("000000001000800000aa00389b71")
    assert read_wav(file(0xFFFE, 16, TONE, rate_hz=22050, more=guid)) == (TONE, 22050)


def test_a_streamed_file_that_claims_too_much_is_read_to_its_end() -> None:
    wav = bytearray(write_wav([TONE], 8000))
    wav[40:44] = b"\xff" * 4
    wav[4:8] = b"\xff" * 4
    assert read_wav(bytes(wav)) == (TONE, 8000)
    assert read_wav(bytes(wav[:-1])) == (TONE[:-2], 8000)


@pytest.mark.parametrize(
    ("wav", "words"),
    [
        (b"", "not a WAV file"),
        (b"ID3\x04" + bytes(40), "not a WAV file"),
        (b"RIFF\0\0\0\0WAVE", "no data chunk"),
        (chunk(b"RIFF", b"WAVE" + chunk(b"data", TONE)), "no whole fmt chunk"),
        (chunk(b"RIFF", b"WAVE" + chunk(b"fmt ", b"\1\0\1\0") + chunk(b"data", TONE)), "no whole fmt chunk"),
        (file(1, 8, TONE), "format 1 with 8 bits"),
        (file(1, 24, TONE), "format 1 with 24 bits"),
        (file(3, 32, TONE), "format 3 with 32 bits"),
        (file(1, 16, TONE, channels=6), "6 channels"),
        (file(1, 16, TONE, channels=0), "0 channels"),
        (file(1, 16, TONE, rate_hz=0), "0 Hz"),
        (file(0xFFFE, 16, TONE), "format 65534"),
    ],
)
def test_what_cannot_be_read_is_said(wav: bytes, words: str) -> None:
    with pytest.raises(AudioFormatError, match=words):
        read_wav(wav)


@pytest.mark.parametrize("channels", [[], [b"abc"], [TONE, b"a"]])
def test_what_cannot_be_written_is_said(channels: list[bytes]) -> None:
    with pytest.raises(AudioFormatError, match="at least one channel"):
        write_wav(channels, 8000)


@pytest.mark.parametrize(("channels", "audio"), [(1, b"\x10" * 161), (2, b"\x10\x90" * 80)])
def test_a_mulaw_file_grows_behind_a_header_that_is_written_anew(channels: int, audio: bytes) -> None:
    whole = mulaw_wav_header(channels, len(audio)) + audio
    assert len(mulaw_wav_header(channels, 0)) == MULAW_HEADER_BYTES
    pcm16, rate_hz = read_wav(whole)
    assert rate_hz == 8000
    assert len(pcm16) == 2 * len(audio) // channels
    cut_off = mulaw_wav_header(channels, 0) + audio
    assert mended_header(cut_off[:MULAW_HEADER_BYTES], len(cut_off)) == whole[:MULAW_HEADER_BYTES]


def test_half_a_sample_at_the_end_of_a_cut_off_file_is_left_out() -> None:
    assert mended_header(mulaw_wav_header(2, 0), MULAW_HEADER_BYTES + 7) == mulaw_wav_header(2, 6)


@pytest.mark.parametrize("header", [b"", b"RIFF", mulaw_wav_header(1, 0)[:57], write_wav([b"\0" * 100], 8000)[:58]])
def test_only_files_of_ours_are_mended(header: bytes) -> None:
    with pytest.raises(AudioFormatError):
        mended_header(header, 1000)


def test_a_header_says_at_most_what_fits() -> None:
    assert len(mulaw_wav_header(1, 2**40)) == MULAW_HEADER_BYTES


def test_two_channels_in_turn() -> None:
    assert in_turn(b"\x01\x02\x03", b"\x11") == b"\x01\x11\x02\xff\x03\xff"
    assert in_turn(b"", b"") == b""
