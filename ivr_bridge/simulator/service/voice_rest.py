"""The REST API of voices and their settings."""

from collections.abc import Iterable
from typing import Any

from aiohttp import web

from ivr_bridge.simulator.service.account import Account
from ivr_bridge.simulator.service.paging import Row, is_on, one_page, page_size
from ivr_bridge.simulator.service.refusals import Invalid, no_voice, read_object
from ivr_bridge.simulator.service.voices import VOICES, Voice

_DEFAULTS = {"stability": 0.5, "use_speaker_boost": True, "similarity_boost": 0.75, "style": 0.0, "speed": 1.0}
_PAGE = 10
_MOST_IDS = 100


class VoiceRest:
    """The handlers; `routes` lists them."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def routes(self) -> list[web.RouteDef]:
        """Every route of voices."""
        return [
            web.get("/v1/voices", self._list),
            web.get("/v2/voices", self._search),
            web.get("/v1/voices/settings/default", self._default_settings),
            web.get("/v1/voices/{voice_id}", self._get),
            web.get("/v1/voices/{voice_id}/settings", self._settings),
            web.post("/v1/voices/{voice_id}/settings/edit", self._edit_settings),
        ]

    def _voice(self, request: web.Request) -> Voice:
        voice = VOICES.get(request.match_info["voice_id"])
        if voice is None:
            raise no_voice(request.match_info["voice_id"])
        return voice

    def _shown(self, voice: Voice) -> dict[str, Any]:
        return {**voice.as_json(), "settings": self._settings_of(voice.voice_id)}

    def _settings_of(self, voice_id: str) -> dict[str, Any]:
        return {**_DEFAULTS, **(self._account.settings.get(f"voice:{voice_id}") or {})}

    async def _list(self, request: web.Request) -> web.Response:
        """Every voice; legacy ones when they are asked for."""
        legacy = is_on(request.query, "show_legacy")
        voices = [self._shown(voice) for voice in VOICES.values() if legacy or not voice.is_legacy]
        return web.json_response({"voices": voices})

    async def _search(self, request: web.Request) -> web.Response:
        """One page of the voices that fit, in their own order unless one is asked for."""
        query = request.query
        wanted = set(query.getall("voice_ids", []))
        if len(wanted) > _MOST_IDS:
            raise Invalid("query.voice_ids", f"List should have at most {_MOST_IDS} items", "too_long")
        tests = {name: query.get(name, "").lower() for name in ("search", "gender", "accent", "category")}
        found = [
            voice
            for voice in VOICES.values()
            if (voice.voice_id in wanted if wanted else not voice.is_legacy) and _fits(voice, tests)
        ]
        by_name = query.get("sort") == "name"
        rows: list[Row] = [
            (voice.name.lower() if by_name else 0, -number, self._shown(voice)) for number, voice in enumerate(found)
        ]
        page, token = one_page(rows, query, cursor_name="next_page_token", size=page_size(query, default=_PAGE))
        return web.json_response(
            {"voices": page, "has_more": token is not None, "total_count": len(found), "next_page_token": token}
        )

    async def _get(self, request: web.Request) -> web.Response:
        """One voice, a legacy one too."""
        return web.json_response(self._shown(self._voice(request)))

    async def _default_settings(self, _request: web.Request) -> web.Response:
        """What a voice has that nobody changed."""
        return web.json_response(_DEFAULTS)

    async def _settings(self, request: web.Request) -> web.Response:
        """One voice's settings."""
        return web.json_response(self._settings_of(self._voice(request).voice_id))

    async def _edit_settings(self, request: web.Request) -> web.Response:
        """Change one voice's settings."""
        voice, body = self._voice(request), await read_object(request)
        change = {name: body[name] for name in _DEFAULTS if body.get(name) is not None}
        self._account.settings.put(f"voice:{voice.voice_id}", {**self._settings_of(voice.voice_id), **change})
        return web.json_response({"status": "ok"})


def _fits(voice: Voice, tests: dict[str, str]) -> bool:
    """Whether a voice is what a search asks for; what it does not say fits."""
    words: Iterable[str] = (voice.name, voice.gender, voice.accent)
    return (
        any(tests["search"] in word.lower() for word in words)
        and tests["gender"] in ("", voice.gender)
        and tests["accent"] in ("", voice.accent)
        and tests["category"] in ("", "premade")
    )
