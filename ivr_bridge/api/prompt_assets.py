"""`GET /prompts/{key}.wav`: the audio of prompts for Twilio's `<Play>`, and for any cache before us.

Source: https://www.twilio.com/docs/voice/twiml/play (which types it plays)
"""

import re
import time
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from ivr_bridge.access.signed_url import SignedUrls
from ivr_bridge.api.problems import problem
from ivr_bridge.audio.g711 import mulaw_decode
from ivr_bridge.audio.wav import write_wav

PATH = "/prompts/{name}"
CONTENT_TYPE = "audio/wav"
RATE_HZ = 8000
_NAME = re.compile(r"([0-9a-f]{64})\.wav")

ClipOf = Callable[[str], Awaitable[bytes | None]]
"""Mu-law at 8 kHz by key; None when there is none."""


def add_routes(
    app: web.Application, *, signed: SignedUrls, clip_of: ClipOf, wall: Callable[[], float] = time.time
) -> None:
    """Add the route, for GET and HEAD.

    Args:
        app: its door is `SIGNED_URL`: the proof is checked here.
        signed: made the URLs.
        clip_of: finds a clip.
        wall: seconds since 1970.
    """

    async def serve(request: web.Request) -> web.Response:
        """16-bit WAV, 8 kHz, mono. 403 for a URL that is not ours or has expired, 404 for a clip that is gone.

        A key stands for its bytes for ever, so a cache may keep the answer as long as the URL is good.
        """
        now = wall()
        until = signed.good_until(request.path, request.query, now)
        if until is None:
            return problem(403, "this URL was not made here, or has expired", code="url_not_good")
        found = _NAME.fullmatch(request.match_info["name"])
        clip = await clip_of(found[1]) if found is not None else None
        if found is None or clip is None:
            return problem(404, "there is no such prompt", code="unknown_prompt")
        headers = {
            hdrs.CACHE_CONTROL: f"public, max-age={int(until - now)}, immutable",
            hdrs.ETAG: f'"{found[1]}"',
            "X-Content-Type-Options": "nosniff",
        }
        if any(tag.value in (found[1], "*") for tag in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        return web.Response(body=write_wav([mulaw_decode(clip)], RATE_HZ), content_type=CONTENT_TYPE, headers=headers)

    app.router.add_get(PATH, serve)
