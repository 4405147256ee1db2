"""The REST API of the sandbox: agents, signed URLs, registered calls, text to speech, voices, models, subscription.

Errors have the vendor's present shape: `{"detail": {"type", "code", "message", "status", "request_id"}}`.
"""

import asyncio
import secrets
import time
from urllib.parse import quote

from aiohttp import web

from ivr_bridge.simulator.service.agents import AGENTS, Agent
from ivr_bridge.simulator.service.faults import FaultPlan
from ivr_bridge.simulator.service.mouth import Mouth, Speech
from ivr_bridge.simulator.service.register_call import BadRegistration, answer_registration, check_registration
from ivr_bridge.simulator.service.signing import Signer
from ivr_bridge.simulator.service.voices import VOICES, Voice
from ivr_bridge.simulator.service.wire_audio import WireFormat, parse_format

_MODEL = {
    "model_id": "eleven_flash_v2_5",
    "name": "Eleven Flash v2.5 (sandbox)",
    "can_do_text_to_speech": True,
    "can_be_finetuned": False,
    "can_do_voice_conversion": False,
    "can_use_style": False,
    "can_use_speaker_boost": False,
    "serves_pro_voices": False,
    "token_cost_factor": 0.5,
    "description": "Spoken by espeak-ng.",
    "requires_alpha_access": False,
    "max_characters_request_free_user": 10000,
    "max_characters_request_subscribed_user": 40000,
    "maximum_text_length_per_request": 40000,
    "languages": [
        {"language_id": "en", "name": "English"},
        {"language_id": "es", "name": "Spanish"},
        {"language_id": "zh", "name": "Chinese"},
    ],
    "model_rates": {"character_cost_multiplier": 0.5},
    "concurrency_group": "turbo",
}
_SUBSCRIPTION = {
    "tier": "sandbox",
    "character_count": 0,
    "character_limit": 1_000_000,
    "max_character_limit_extension": None,
    "can_extend_character_limit": False,
    "allowed_to_extend_character_limit": False,
    "next_character_count_reset_unix": 1_798_761_600,
    "voice_slots_used": 0,
    "professional_voice_slots_used": 0,
    "voice_limit": 10,
    "voice_add_edit_counter": 0,
    "professional_voice_limit": 0,
    "can_extend_voice_limit": False,
    "can_use_instant_voice_cloning": False,
    "can_use_professional_voice_cloning": False,
    "currency": None,
    "status": "free",
    "billing_period": None,
    "character_refresh_period": None,
    "next_invoice": None,
    "open_invoices": [],
    "has_open_invoices": False,
}
_LONGEST_TEXT = 40_000
_SPANISH_SIGNS = "¿¡ñáéíóú"
_CONTENT_TYPES = {"pcm": "audio/pcm", "ulaw": "audio/basic", "alaw": "audio/x-alaw-basic", "wav": "audio/wav"}
_SPEECH_PIECE_BYTES = 4096


def refusal(status: int, kind: str, code: str, message: str) -> web.Response:
    """An error in the vendor's shape."""
    request_id = secrets.token_hex(8)
    detail = {"type": kind, "code": code, "message": message, "status": code, "request_id": request_id}
    return web.json_response({"detail": detail}, status=status, headers={"request-id": request_id})


def dark() -> web.Response:
    """What is answered in front of a service that is down: 503, and no JSON."""
    return web.Response(status=503, text="upstream connect error or disconnect/reset before headers")


class Rest:
    """The handlers; `routes` lists them."""

    def __init__(self, mouth: Mouth, signer: Signer, output_format: str, input_format: str, plan: FaultPlan) -> None:
        self._mouth = mouth
        self._signer = signer
        self._formats = (output_format, input_format)
        self._plan = plan

    def routes(self) -> list[web.RouteDef]:
        """Every route of the REST API."""
        return [
            web.get("/v1/convai/agents", self._list_agents),
            web.get("/v1/convai/agents/{agent_id}", self._get_agent),
            web.get("/v1/convai/conversation/get-signed-url", self._signed_url),
            web.get("/v1/convai/conversation/get_signed_url", self._signed_url),
            web.post("/v1/convai/twilio/register-call", self._register_call),
            web.post("/v1/text-to-speech/{voice_id}", self._speak),
            web.post("/v1/text-to-speech/{voice_id}/stream", self._speak),
            web.get("/v1/voices", self._list_voices),
            web.get("/v2/voices", self._search_voices),
            web.get("/v1/voices/{voice_id}", self._get_voice),
            web.get("/v1/models", self._models),
            web.get("/v1/user/subscription", self._subscription),
        ]

    async def _list_agents(self, _request: web.Request) -> web.Response:
        """Every agent, the default one first."""
        agents = [agent.as_summary() for agent in AGENTS.values()]
        return web.json_response({"agents": agents, "next_cursor": None, "has_more": False})

    async def _get_agent(self, request: web.Request) -> web.Response:
        """One agent as it is configured."""
        agent = self._agent(request.match_info["agent_id"])
        return _no_agent() if agent is None else web.json_response(agent.as_json(*self._formats))

    async def _signed_url(self, request: web.Request) -> web.Response:
        """A URL that opens a conversation for 15 minutes."""
        number = self._plan.next_number()
        fault = self._plan.of(number)
        if fault == "outage":
            return dark()
        if fault == "refuse":
            return refusal(401, "authentication_error", "missing_permissions", "The key may not use this agent.")
        if fault == "busy":
            return refusal(429, "rate_limit_error", "concurrent_limit_exceeded", "Too many concurrent requests.")
        agent = self._agent(request.query.get("agent_id", ""))
        if agent is None:
            return _no_agent()
        once = request.query.get("include_conversation_id", "").lower() == "true"
        conversation_id = f"conv_{secrets.token_hex(12)}" if once else ""
        signature = self._signer.sign(agent.agent_id, time.time(), conversation_id=conversation_id)
        self._plan.sign(signature, number)
        url = (
            f"ws://{request.host}/v1/convai/conversation?agent_id={agent.agent_id}"
            f"&conversation_signature={quote(signature, safe='')}"
        )
        return web.json_response({"signed_url": url + (f"&conversation_id={conversation_id}" if once else "")})

    async def _register_call(self, request: web.Request) -> web.Response:
        """TwiML that joins Twilio and an agent: text/html, as the vendor says."""
        try:
            body = check_registration(await request.json())
        except BadRegistration as bad:
            return _unprocessable(bad.field, str(bad), bad.kind)
        except ValueError:
            return _unprocessable("body", "JSON decode error", "json_invalid")
        agent = self._agent(body["agent_id"])
        if agent is None:
            return _no_agent()
        if set(self._formats) != {"ulaw_8000"}:
            return refusal(400, "validation_error", "input_invalid", "Twilio needs an agent with ulaw_8000 both ways.")
        try:
            return web.Response(text=answer_registration(agent, body), content_type="text/html")
        except BadRegistration as bad:
            return refusal(400, "validation_error", bad.kind, str(bad))

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        """Text to speech, whole or streamed."""
        if self._plan.now() == "unreachable_tts":
            return refusal(500, "internal_error", "internal_server_error", "Something went wrong.")
        voice = VOICES.get(request.match_info["voice_id"])
        if voice is None:
            return _no_voice(request.match_info["voice_id"])
        name = request.query.get("output_format", "mp3_44100_128")
        try:
            wire = parse_format(name, speech=True)
        except ValueError:
            return refusal(400, "validation_error", "output_format_not_supported", f"The sandbox has no format {name}.")
        try:
            body = await request.json()
        except ValueError:
            return _unprocessable("body", "JSON decode error", "json_invalid")
        text = body.get("text") if isinstance(body, dict) else None
        if not isinstance(text, str):
            return _unprocessable("text", "Field required", "missing")
        if len(text) > _LONGEST_TEXT:
            return refusal(400, "validation_error", "text_too_long", f"More than {_LONGEST_TEXT} characters.")
        language = str(body.get("language_code") or _language_of(text))
        speech = await asyncio.to_thread(self._mouth.speak, text, voice, language=language, rate_hz=wire.rate_hz)
        return await self._audio(request, speech, wire, voice)

    async def _audio(self, request: web.Request, speech: Speech, wire: WireFormat, voice: Voice) -> web.StreamResponse:
        """Speech as the answer of `request`."""
        audio = wire.encode(speech.pcm16)
        headers = {
            "Content-Type": _CONTENT_TYPES[wire.codec],
            "request-id": secrets.token_hex(8),
            "character-cost": str(len(speech.text)),
            "x-voice": voice.name,
            "current-concurrent-requests": "1",
            "maximum-concurrent-requests": "20",
        }
        if not request.path.endswith("/stream"):
            return web.Response(body=audio, headers=headers)
        response = web.StreamResponse(headers=headers)
        response.enable_chunked_encoding()
        await response.prepare(request)
        for start in range(0, len(audio), _SPEECH_PIECE_BYTES):
            await response.write(audio[start : start + _SPEECH_PIECE_BYTES])
        await response.write_eof()
        return response

    async def _list_voices(self, _request: web.Request) -> web.Response:
        """Every voice."""
        return web.json_response({"voices": [voice.as_json() for voice in VOICES.values()]})

    async def _search_voices(self, _request: web.Request) -> web.Response:
        """Every voice, in the shape of the newer call."""
        voices = [voice.as_json() for voice in VOICES.values()]
        return web.json_response(
            {"voices": voices, "has_more": False, "total_count": len(voices), "next_page_token": None}
        )

    async def _get_voice(self, request: web.Request) -> web.Response:
        """One voice."""
        voice = VOICES.get(request.match_info["voice_id"])
        return _no_voice(request.match_info["voice_id"]) if voice is None else web.json_response(voice.as_json())

    async def _models(self, _request: web.Request) -> web.Response:
        """The one model."""
        return web.json_response([_MODEL])

    async def _subscription(self, _request: web.Request) -> web.Response:
        """A plan with nothing used."""
        return web.json_response(_SUBSCRIPTION)

    def _agent(self, agent_id: str) -> Agent | None:
        """The agent, unless a fault hides all of them."""
        return None if self._plan.now() == "no_agent" else AGENTS.get(agent_id)


def _no_agent() -> web.Response:
    """The answer for an agent that is not there."""
    return refusal(404, "not_found", "agent_not_found", "There is no such agent.")


def _no_voice(voice_id: str) -> web.Response:
    """The answer for a voice that is not there."""
    return refusal(400, "not_found", "voice_not_found", f"A voice with voice_id {voice_id[:40]} was not found.")


def _unprocessable(field: str, text: str, kind: str) -> web.Response:
    """The answer for a body that does not validate: a list, unlike all other errors."""
    return web.json_response({"detail": [{"loc": ["body", field], "msg": text, "type": kind}]}, status=422)


def _language_of(text: str) -> str:
    """A guess for text without language_code: Han characters, Spanish signs, else English."""
    if any("\u4e00" <= sign <= "\u9fff" for sign in text):
        return "zh"
    return "es" if any(sign in text.lower() for sign in _SPANISH_SIGNS) else "en"
