import asyncio
import base64
import hashlib
import hmac
import io
import json
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from ivr_bridge.simulator.service.post_call import signature
from tests.simulator.service.asker import Asker, asking
from tests.simulator.service.caller import QUIET, dialled
from tests.support.served import served


class House:
    """Receives webhooks."""

    def __init__(self) -> None:
        self.status = 200
        self.url = ""
        self.came: asyncio.Queue[tuple[dict[str, Any], bytes, dict[str, str]]] = asyncio.Queue()

    async def take(self, request: web.Request) -> web.Response:
        raw = await request.read()
        self.came.put_nowait((json.loads(raw), raw, dict(request.headers)))
        return web.Response(status=self.status)


@asynccontextmanager
async def house() -> AsyncIterator[House]:
    here = House()
    app = web.Application(client_max_size=2**24)
    app.router.add_post("/w", here.take)
    async with served(app) as url:
        here.url = f"{url}/w"
        yield here


async def talk(asker: Asker, text: str = "where are you") -> str:
    async with dialled(asker.server) as caller:
        event = (await caller.begin(**QUIET))["conversation_initiation_metadata_event"]
        await caller.say(bytes(3200))
        await caller.send(type="user_message", text=text)
        await caller.until("agent_response_complete")
    return str(event["conversation_id"])


def is_signed(raw: bytes, headers: dict[str, str], secret: str) -> bool:
    stamp, _, mac = headers["ElevenLabs-Signature"].partition(",")
    told = f"{stamp.removeprefix('t=')}.".encode() + raw
    return mac == "v0=" + hmac.new(secret.encode(), told, hashlib.sha256).hexdigest()


async def test_a_finished_conversation_is_told():
    async with house() as here, asking(webhook=(here.url, "s3cret")) as asker:
        conversation_id = await talk(asker)
        event, raw, headers = await asyncio.wait_for(here.came.get(), 20)
        found = await asker.good("GET", f"/v1/convai/conversations/{conversation_id}")
        assert (event["type"], event["data"]) == ("post_call_transcription", found)
        assert found["status"] == "done"
        assert is_signed(raw, headers, "s3cret")
        assert not is_signed(raw, headers, "other")
        await asyncio.sleep(0.05)
        (noted,) = asker.log.webhooks
        assert noted == {"type": event["type"], "conversation_id": conversation_id, "status": 200}


async def test_audio_follows_in_pieces_when_it_was_recorded():
    async with house() as here, asking(webhook=(here.url, "s"), record=True) as asker:
        conversation_id = await talk(asker)
        await asyncio.wait_for(here.came.get(), 20)
        event, raw, headers = await asyncio.wait_for(here.came.get(), 20)
        assert event["type"] == "post_call_audio"
        assert set(event["data"]) == {"agent_id", "conversation_id", "full_audio"}
        assert "Content-Length" not in headers
        assert is_signed(raw, headers, "s")
        audio = base64.b64decode(event["data"]["full_audio"])
        assert audio == await asker.good("GET", f"/v1/convai/conversations/{conversation_id}/audio")
        with wave.open(io.BytesIO(audio)) as file:
            assert (file.getframerate(), file.getnframes() > 8000) == (8000, True)


async def test_it_is_tried_once():
    async with house() as here, asking(webhook=(here.url, "s")) as asker:
        here.status = 500
        await talk(asker)
        await asyncio.wait_for(here.came.get(), 20)
        while not asker.log.webhooks:
            await asyncio.sleep(0.01)
        assert [one["status"] for one in asker.log.webhooks] == [500]
        assert here.came.empty()


async def test_nobody_is_there():
    async with asking(webhook=("http://127.0.0.1:9/w", "s")) as asker:
        await talk(asker)
        while not asker.log.webhooks:
            await asyncio.sleep(0.01)
        assert asker.log.webhooks[0]["status"] is None


async def test_the_webhook_that_the_settings_name():
    async with house() as here, asking() as asker:
        hook = {"auth_type": "hmac", "name": "h", "webhook_url": here.url}
        made = await asker.good("POST", "/v1/workspace/webhooks", {"settings": hook})
        change = {"webhooks": {"post_call_webhook_id": made["webhook_id"]}}
        await asker.good("PATCH", "/v1/convai/settings", change)
        await talk(asker)
        _, raw, headers = await asyncio.wait_for(here.came.get(), 20)
        assert is_signed(raw, headers, made["webhook_secret"])


def test_signature():
    assert signature("s", b"{}", 1700000000.9).startswith("t=1700000000,v0=")
