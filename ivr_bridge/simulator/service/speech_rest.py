"""The REST API of text to speech: whole, streamed, and with the times of its characters."""

import asyncio
import base64
import json
import secrets
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from ivr_bridge.simulator.service.account import Account
from ivr_bridge.simulator.service.connection import reset
from ivr_bridge.simulator.service.faults import FaultPlan
from ivr_bridge.simulator.service.models import DEFAULT_MODEL, MODELS
from ivr_bridge.simulator.service.mouth import Mouth, Speech
from ivr_bridge.simulator.service.refusals import Invalid, Refusal, field, no_voice, read_object
from ivr_bridge.simulator.service.rest_faults import CUT
from ivr_bridge.simulator.service.subscription import concurrency, spend, subscription
from ivr_bridge.simulator.service.utterance import pieces
from ivr_bridge.simulator.service.voices import Voice, voice_of
from ivr_bridge.simulator.service.wire_audio import WireFormat, parse_format

_SPANISH_SIGNS = "¿¡ñáéíóú"
_CONTENT_TYPES = {"pcm": "audio/pcm", "ulaw": "audio/basic", "alaw": "audio/x-alaw-basic", "wav": "audio/wav"}
_PIECE_BYTES = 4096
_PIECE_MS = 400
_LARGEST_SEED = 4_294_967_295
_RANGES = {"stability": (0.0, 1.0), "similarity_boost": (0.0, 1.0), "style": (0.0, 1.0), "speed": (0.7, 1.2)}


@dataclass(frozen=True, slots=True)
class _Spoken:
    """What one request is answered with."""

    speech: Speech
    wire: WireFormat
    headers: dict[str, str]


class SpeechRest:
    """The handlers; `routes` lists them."""

    def __init__(self, account: Account, mouth: Mouth, plan: FaultPlan) -> None:
        self._account = account
        self._mouth = mouth
        self._plan = plan

    def routes(self) -> list[web.RouteDef]:
        """Every route of speech."""
        one = "/v1/text-to-speech/{voice_id}"
        return [
            web.post(one, self._whole),
            web.post(f"{one}/stream", self._stream),
            web.post(f"{one}/with-timestamps", self._whole_timed),
            web.post(f"{one}/stream/with-timestamps", self._stream_timed),
        ]

    async def _spoken(self, request: web.Request) -> _Spoken:
        """What is asked for, spoken and counted."""
        if self._plan.now() == "unreachable_tts":
            raise Refusal(500, "internal_error", "internal_server_error", "Something went wrong.")
        voice = allowed_voice(self._account, request.match_info["voice_id"])
        name = request.query.get("output_format", "mp3_44100_128")
        try:
            wire = parse_format(name, speech=True)
        except ValueError as error:
            code = "output_format_not_supported"
            raise Refusal(400, "validation_error", code, f"The sandbox has no format {name}.") from error
        body = await read_object(request)
        text = field(body, "text", str, required=True)
        check_speech(body, text)
        spend(self._account, len(text))
        language = str(body.get("language_code") or language_of(text))
        speech = await asyncio.to_thread(self._mouth.speak, text, voice, language=language, rate_hz=wire.rate_hz)
        return _Spoken(speech, wire, self._headers(speech, voice))

    def _headers(self, speech: Speech, voice: Voice) -> dict[str, str]:
        return {
            "request-id": secrets.token_hex(8),
            "history-item-id": secrets.token_hex(10),
            "character-cost": str(len(speech.text)),
            "x-voice": voice.name,
            "current-concurrent-requests": "1",
            "maximum-concurrent-requests": str(concurrency(self._account)),
        }

    async def _whole(self, request: web.Request) -> web.Response:
        """All audio at once."""
        spoken = await self._spoken(request)
        headers = {**spoken.headers, "Content-Type": _CONTENT_TYPES[spoken.wire.codec]}
        return web.Response(body=spoken.wire.encode(spoken.speech.pcm16), headers=headers)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        """The audio in pieces."""
        spoken = await self._spoken(request)
        audio = spoken.wire.encode(spoken.speech.pcm16)
        parts = [audio[start : start + _PIECE_BYTES] for start in range(0, len(audio), _PIECE_BYTES)]
        return await _streamed(request, parts, {**spoken.headers, "Content-Type": _CONTENT_TYPES[spoken.wire.codec]})

    async def _whole_timed(self, request: web.Request) -> web.Response:
        """All audio, and when its characters are said."""
        spoken = await self._spoken(request)
        speech = spoken.speech
        ends = [*speech.char_start_ms[1:], speech.duration_ms]
        alignment = _alignment(list(speech.text), list(speech.char_start_ms), ends)
        audio = base64.b64encode(spoken.wire.encode(speech.pcm16)).decode()
        answer = {"audio_base64": audio, "alignment": alignment, "normalized_alignment": alignment}
        return web.json_response(answer, headers=spoken.headers)

    async def _stream_timed(self, request: web.Request) -> web.StreamResponse:
        """One JSON object a line; times go on from piece to piece."""
        spoken = await self._spoken(request)
        lines, from_ms = [], 0.0
        for piece in pieces(spoken.speech, spoken.wire, _PIECE_MS):
            starts = [from_ms + start for start in piece.alignment["char_start_times_ms"]]
            lengths = piece.alignment["char_durations_ms"]
            ends = [start + length for start, length in zip(starts, lengths, strict=True)]
            alignment = _alignment(piece.alignment["chars"], starts, ends) if starts else None
            row = {"audio_base64": piece.audio_base_64, "alignment": alignment, "normalized_alignment": alignment}
            lines.append(json.dumps(row).encode() + b"\n")
            from_ms += piece.duration_ms
        return await _streamed(request, lines, {**spoken.headers, "Content-Type": "application/json"})


async def _streamed(request: web.Request, parts: list[bytes], headers: dict[str, str]) -> web.StreamResponse:
    """Parts one after the other; the fault truncate stops behind the first."""
    response = web.StreamResponse(headers=headers)
    response.enable_chunked_encoding()
    await response.prepare(request)
    for part in parts:
        await response.write(part)
        if CUT.get():
            await asyncio.sleep(0)  # the first part shall be on its way
            reset(request)
            return response
    await response.write_eof()
    return response


def _alignment(characters: list[str], starts_ms: list[float], ends_ms: list[float]) -> dict[str, Any]:
    """The vendor's shape: seconds."""
    return {
        "characters": characters,
        "character_start_times_seconds": [round(start / 1000, 3) for start in starts_ms],
        "character_end_times_seconds": [round(end / 1000, 3) for end in ends_ms],
    }


def allowed_voice(account: Account, voice_id: str) -> Voice:
    """The voice that is asked for.

    Raises:
        Refusal: 400, there is none; 402, the plan has it not.
    """
    voice = voice_of(voice_id)
    if voice is None:
        raise no_voice(voice_id)
    if voice.is_legacy and subscription(account)["tier"] == "free":
        text = "Free users cannot use library voices via the API. Please upgrade your subscription to use this voice."
        raise Refusal(402, "payment_required", "paid_plan_required", text)
    return voice


def check_speech(body: dict[str, Any], text: str) -> None:
    """Whether a model can speak `text` as `body` asks for.

    Raises:
        Invalid: 422, a setting out of its range.
        Refusal: 400, no such model, or a text that is too long for it.
    """
    model_id = str(body.get("model_id") or DEFAULT_MODEL)
    model = MODELS.get(model_id)
    if model is None:
        raise Refusal(
            400, "validation_error", "model_not_found", f"A model with model_id {model_id[:40]} was not found."
        )
    longest = model["maximum_text_length_per_request"]
    if len(text) > longest:
        raise Refusal(400, "validation_error", "text_too_long", f"More than {longest} characters.")
    settings = field(body, "voice_settings", dict) or {}
    for name, (lowest, highest) in _RANGES.items():
        value = settings.get(name)
        if value is not None and (not isinstance(value, int | float) or not lowest <= value <= highest):
            where = f"body.voice_settings.{name}"
            raise Invalid(where, f"Input should be {lowest} to {highest}", "less_than_equal")
    seed = field(body, "seed", int)
    if seed is not None and not 0 <= seed <= _LARGEST_SEED:
        raise Invalid("body.seed", f"Input should be 0 to {_LARGEST_SEED}", "less_than_equal")


def language_of(text: str) -> str:
    """A guess for text without language_code: Han characters, Spanish signs, else English."""
    if any("\u4e00" <= sign <= "\u9fff" for sign in text):
        return "zh"
    return "es" if any(sign in text.lower() for sign in _SPANISH_SIGNS) else "en"
