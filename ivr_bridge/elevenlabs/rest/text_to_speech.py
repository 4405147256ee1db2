"""Text to speech over REST: a whole clip, or its pieces as they are made, with or without the times of its characters.

Source: https://elevenlabs.io/docs/api-reference/text-to-speech/convert
"""

import base64
import binascii
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Literal, TypedDict, Unpack

from pydantic import Field

from ivr_bridge.elevenlabs.rest.answer import Answer, read_answer
from ivr_bridge.elevenlabs.rest.asking import ask
from ivr_bridge.elevenlabs.rest.json_lines import json_lines
from ivr_bridge.elevenlabs.rest.request import Request, segment
from ivr_bridge.elevenlabs.rest.transport import Transport
from ivr_bridge.elevenlabs.rest.voice_settings import checked_settings
from ivr_bridge.errors import VendorFailed

DEFAULT_MODEL = "eleven_flash_v2_5"
"""Fast, and knows en, es and zh."""

DEFAULT_FORMAT = "pcm_16000"

DEFAULT_TIMEOUT_S = 30.0

_NO_LANGUAGE_CODE = ("eleven_multilingual_v2", "eleven_multilingual_v1", "eleven_monolingual_v1")
"""Models that refuse `language_code`; they hear the language in the text."""

_NOT_IN_BODY = ("enable_logging", "output_format", "timeout_s")
"""Of `HowToSpeak`: what goes into the query, or nowhere."""


class SpeechOptions(TypedDict, total=False):
    """What else may be said of how a text is spoken; what is not there is left to the vendor."""

    language_code: str | None
    """`en`, `es`, `zh`; left out for models that refuse it."""
    voice_settings: Mapping[str, object] | None
    """Only what differs from the voice's own: `stability`, `similarity_boost`, `style` 0 to 1, `speed` 0.7 to 1.2."""
    seed: int
    """The same seed and text give nearly the same audio; 0 to 4294967295."""
    previous_text: str
    next_text: str
    """What is spoken before and after, so that the intonation fits."""
    previous_request_ids: Sequence[str]
    next_request_ids: Sequence[str]
    """`request-id` of up to three answers before and after."""
    pronunciation_dictionary_locators: Sequence[Mapping[str, object]]
    """Up to three, each with `pronunciation_dictionary_id` and `version_id`."""
    apply_text_normalization: Literal["auto", "on", "off"]
    """Whether numbers and dates are spelled out before they are spoken."""
    enable_logging: bool
    """False: the vendor keeps nothing (large accounts only)."""


class HowToSpeak(SpeechOptions, total=False):
    """`SpeechOptions`, and what is ours to say when the caller does not."""

    model_id: str
    """`DEFAULT_MODEL` when left out."""
    output_format: str
    """`DEFAULT_FORMAT` when left out."""
    timeout_s: float
    """For the whole clip, of a stream between two pieces; `DEFAULT_TIMEOUT_S` when left out."""


class Alignment(Answer):
    """When each character is spoken, in seconds from the clip's (or piece's) beginning."""

    characters: tuple[str, ...]
    character_start_times_seconds: tuple[float, ...]
    character_end_times_seconds: tuple[float, ...]


class TimedAudio(Answer):
    """A clip, or a piece of one, and when its characters are spoken."""

    audio_base64: str = Field(repr=False)
    alignment: Alignment | None = None
    """Of the text as it was given."""
    normalized_alignment: Alignment | None = None
    """Of the text as it was spoken, numbers spelled out."""

    @property
    def audio(self) -> bytes:
        """The audio, decoded.

        Raises:
            VendorFailed: it is no base64.
        """
        try:
            return base64.b64decode(self.audio_base64, validate=True)
        except (binascii.Error, ValueError) as error:
            raise VendorFailed("the audio is no base64", status=200) from error


class TextToSpeech:
    """Speaks texts.

    The four ways take the same arguments. `voice_id`: whose voice. `text`: not empty; how long it may be depends on
    the model (`Model.maximum_text_length_per_request`). `output_format`: `pcm_<rate>` is signed 16-bit little-endian
    without a header, `ulaw_8000` and `alaw_8000` a byte a sample without one; `mp3_*`, `opus_*` and, for whole clips,
    `wav_*` are files. The rest: `HowToSpeak`.

    All raise `ValueError` for an empty text, a voice setting out of its range or a format that cannot be streamed, and
    `VendorError` for no answer, an error, or bytes that cannot be audio of this format: an error is never played.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def convert(self, *, voice_id: str, text: str, **how: Unpack[HowToSpeak]) -> bytes:
        """The whole clip."""
        output_format = how.get("output_format", DEFAULT_FORMAT)
        request = _request("", voice_id, text, how)
        audio = await self._transport.audio(request)
        _check_samples(len(audio), output_format, request.what)
        return audio

    async def stream(self, *, voice_id: str, text: str, **how: Unpack[HowToSpeak]) -> AsyncGenerator[bytes, None]:
        """The clip in pieces of any length, as they are made; of `pcm_*` each holds whole samples.

        Who stops early closes it (`contextlib.aclosing`): the rest is not fetched then.
        """
        output_format = _streamable(how.get("output_format", DEFAULT_FORMAT))
        request = _request("/stream", voice_id, text, how)
        unit_bytes = 2 if output_format.startswith("pcm_") else 1
        total_bytes, odd = 0, b""
        async with self._transport.stream(request, audio=True) as download:
            async for piece in download:
                total_bytes += len(piece)
                whole = odd + piece
                odd = whole[len(whole) - len(whole) % unit_bytes :]
                if len(whole) > len(odd):
                    yield whole[: len(whole) - len(odd)]
        _check_samples(total_bytes, output_format, request.what)

    async def convert_with_timestamps(self, *, voice_id: str, text: str, **how: Unpack[HowToSpeak]) -> TimedAudio:
        """The whole clip and when each of its characters is spoken."""
        output_format = how.get("output_format", DEFAULT_FORMAT)
        request = _request("/with-timestamps", voice_id, text, how)
        clip = await ask(self._transport, request, TimedAudio)
        audio = clip.audio
        if not audio:
            raise VendorFailed(f"{request.what}: the answer is empty", status=200)
        _check_samples(len(audio), output_format, request.what)
        return clip

    async def stream_with_timestamps(
        self, *, voice_id: str, text: str, **how: Unpack[HowToSpeak]
    ) -> AsyncGenerator[TimedAudio, None]:
        """The clip in pieces, each with the times of its characters; the last ones may hold no audio.

        Who stops early closes it (`contextlib.aclosing`): the rest is not fetched then.
        """
        output_format = _streamable(how.get("output_format", DEFAULT_FORMAT))
        request = _request("/stream/with-timestamps", voice_id, text, how)
        total_bytes = 0
        async with (
            self._transport.stream(request) as download,
            aclosing(json_lines(download, request.what)) as lines,
        ):
            async for line in lines:
                piece = _timed(line, request.what)
                total_bytes += len(piece.audio)
                yield piece
        if not total_bytes:
            raise VendorFailed(f"{request.what}: the answer is empty", status=200)
        _check_samples(total_bytes, output_format, request.what)


def _request(way: str, voice_id: str, text: str, how: HowToSpeak) -> Request:
    if not text.strip():
        raise ValueError("nothing to say: the text is empty")
    model_id = how.get("model_id", DEFAULT_MODEL)
    body: dict[str, object] = {"text": text, "model_id": model_id}
    body |= {name: value for name, value in how.items() if value is not None and name not in _NOT_IN_BODY}
    if not body.get("language_code") or model_id in _NO_LANGUAGE_CODE:
        body.pop("language_code", None)
    if settings := checked_settings(how.get("voice_settings") or {}):
        body["voice_settings"] = settings
    else:
        body.pop("voice_settings", None)
    query = {"output_format": how.get("output_format", DEFAULT_FORMAT), "enable_logging": how.get("enable_logging")}
    timeout_s = how.get("timeout_s", DEFAULT_TIMEOUT_S)
    return Request("POST", f"/v1/text-to-speech/{segment(voice_id)}{way}", query, body, timeout_s=timeout_s)


def _timed(line: object, what: str) -> TimedAudio:
    if isinstance(line, dict) and "audio_base64" not in line and ("detail" in line or "error" in line):
        raise VendorFailed(f"{what}: broken off: {line.get('detail') or line.get('error')}"[:400], status=200)
    return read_answer(TimedAudio, line, what)


def _streamable(output_format: str) -> str:
    if output_format.startswith("wav_"):
        raise ValueError(f"{output_format} cannot be streamed: its header says how long it is")
    return output_format


def _check_samples(total_bytes: int, output_format: str, what: str) -> None:
    if output_format.startswith("pcm_") and total_bytes % 2:
        raise VendorFailed(f"{what}: {total_bytes} bytes are no 16-bit audio", status=200)
