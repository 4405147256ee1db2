from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from ivr_bridge.access.signed_url import DAY_S, SignedUrls
from ivr_bridge.api import prompt_assets
from ivr_bridge.audio.g711 import mulaw_decode
from ivr_bridge.audio.wav import read_wav
from tests.support.served import served

NOW = 1_700_000_000.0
CLIP = bytes(range(256)) * 5
KEY = "ab" * 32
PATH = f"/prompts/{KEY}.wav"


class Server:
    def __init__(self) -> None:
        self.now = NOW
        self.urls = SignedUrls("s" * 64)
        self.asked: list[str] = []
        self.base_url = ""

    async def clip(self, key: str) -> bytes | None:
        self.asked.append(key)
        return CLIP if key == KEY else None

    def url(self, path: str = PATH) -> str:
        return self.base_url + self.urls.signed(path, self.now)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made, app = Server(), web.Application()
    prompt_assets.add_routes(app, signed=made.urls, clip_of=made.clip, wall=lambda: made.now)
    async with served(app) as made.base_url:
        yield made


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_a_prompt_is_given_as_a_wav_file_that_twilio_plays(server: Server, http: aiohttp.ClientSession) -> None:
    async with http.get(server.url()) as answer:
        assert (answer.status, answer.content_type) == (200, "audio/wav")
        assert read_wav(await answer.read()) == (mulaw_decode(CLIP), 8000)


async def test_any_cache_may_keep_it_as_long_as_the_url_is_good(server: Server, http: aiohttp.ClientSession) -> None:
    async with http.get(server.url()) as answer:
        cached = answer.headers["Cache-Control"]
        assert answer.headers["ETag"] == f'"{KEY}"'
    public, age, immutable = cached.split(", ")
    assert (public, immutable) == ("public", "immutable")
    assert DAY_S < int(age.removeprefix("max-age=")) <= 2 * DAY_S
    async with http.get(server.url(), headers={"If-None-Match": f'"other", "{KEY}"'}) as again:
        assert (again.status, await again.read(), again.headers["Cache-Control"]) == (304, b"", cached)
    async with http.get(server.url(), headers={"If-None-Match": '"other"'}) as other:
        assert other.status == 200


async def test_head_is_as_get_without_the_sound(server: Server, http: aiohttp.ClientSession) -> None:
    async with http.head(server.url()) as answer:
        assert (answer.status, answer.content_type) == (200, "audio/wav")
        assert int(answer.headers["Content-Length"]) == 44 + 2 * len(CLIP)


async def test_nobody_gets_in_without_a_url_of_ours_and_nothing_is_looked_up(
    server: Server, http: aiohttp.ClientSession
) -> None:
    other = server.url("/prompts/" + "cd" * 32 + ".wav").partition("?")[2]
    for url in (server.base_url + PATH, f"{server.base_url}{PATH}?{other}"):
        async with http.get(url) as answer:
            assert answer.status == 403
            assert (await answer.json(content_type=None))["code"] == "url_not_good"
            assert answer.headers["Cache-Control"] == "no-store"
    url = server.url()
    server.now += 3 * DAY_S
    async with http.get(url) as late:
        assert late.status == 403
    assert server.asked == []


@pytest.mark.parametrize("name", ["cd" * 32 + ".wav", "menu.wav", "ab" * 32, "..%2Fapi_key.wav"])
async def test_what_is_not_there(server: Server, http: aiohttp.ClientSession, name: str) -> None:
    signed = server.url(f"/prompts/{name}")
    async with http.get(signed) as answer:
        assert answer.status in (403, 404)
        assert answer.content_type == "application/problem+json"
