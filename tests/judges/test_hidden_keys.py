"""A whole story with a dead key and a good one: keys travel in headers, and are nowhere else."""

import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs

from ivr_bridge.elevenlabs.conversation.client import ElevenLabsConversation
from ivr_bridge.elevenlabs.rest.client import ElevenLabsAPIClient
from ivr_bridge.elevenlabs.speech_stream.socket import SpeechStream
from ivr_bridge.errors import BridgeError, VendorError
from ivr_bridge.simulator.service.app import REST_FAULTS, build_service
from tests.judges.test_rest_story import VOICE, told_by_ours

DEAD, GOOD = "sk_dead/0123456789+dead", "sk_good/0123456789+good"
PARTS = (DEAD[3:15], GOOD[3:15], "0123456789%2B")
FAULTS = ("reset", "truncate", "html_502", "http_500", "busy_rate", "quota", "missing_permission", "invalid_key")


class Seen:
    """Of each request: its address as it was written, and the key of its header."""

    def __init__(self) -> None:
        self.urls: list[str] = []
        self.keys: set[str | None] = set()


@asynccontextmanager
async def served() -> AsyncIterator[tuple[str, Seen, web.Application]]:
    seen, app = Seen(), build_service(key=GOOD)

    @web.middleware
    async def note(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> object:
        seen.urls.append(request.raw_path)
        seen.keys.add(request.headers.get("xi-api-key"))
        return await handler(request)

    app.middlewares.insert(0, note)  # type: ignore[arg-type]
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/"), seen, app


async def faulty(client: ElevenLabsAPIClient, app: web.Application) -> list[str]:
    """What is told of each fault: words, `repr`, traceback."""
    told = []
    for fault in FAULTS:
        app[REST_FAULTS].add("GET /v1/convai/*", fault)
        with pytest.raises(VendorError) as caught:
            await client.agents.get("agent_sandbox_desk", max_age_s=0)
        told += [repr(caught.value), str(caught.value), "".join(traceback.format_exception(caught.value))]
        app[REST_FAULTS].clear()
    return told


async def sockets(client: ElevenLabsAPIClient, told: list[str]) -> None:
    """A text that is spoken, a conversation, and one of each that is refused."""
    speech = {"voice_id": VOICE, "model_id": "eleven_flash_v2_5", "output_format": "ulaw_8000"}
    stream = await SpeechStream.open(client, **speech)
    stream.begin()
    stream.say("Hello.")
    stream.end()
    assert [event async for event in stream]
    await stream.close()
    for agent_id in ("agent_sandbox_desk", "nobody"):
        conversation = ElevenLabsConversation(agent_id, client=client, auth="header")
        try:
            await conversation.start_session()
            await conversation.end_session()
        except BridgeError as error:
            told.append("".join(traceback.format_exception(error)))
    try:
        await SpeechStream.open(ElevenLabsAPIClient(client.base_url, DEAD), **speech)
    except BridgeError as error:
        told.append("".join(traceback.format_exception(error)))


async def test_keys_are_in_headers_and_nowhere_else(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    file = tmp_path / "guide.md"
    file.write_text("# Guide")
    caplog.set_level(logging.DEBUG)
    async with served() as (url, seen, app):
        with capture_logs() as logs:
            async with ElevenLabsAPIClient(url, f"{DEAD}, {GOOD}") as client:
                assert await told_by_ours(client, file)
                told = [repr(client), repr(client.transport)]
                await sockets(client, told)
                told += await faulty(client, app)
    assert {DEAD, GOOD} <= seen.keys
    assert len(seen.urls) > 30
    assert [line["event"] for line in logs].count("vendor.key_refused") >= 1, "the dead one is reported"
    assert len(told) > 3 * len(FAULTS)
    for text in (*seen.urls, *told, str(logs), caplog.text):
        assert not any(part in text for part in PARTS), text
