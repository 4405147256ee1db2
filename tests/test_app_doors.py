"""Every route of the joined application and its door, over real sockets."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from ivr_bridge.access.doors import Door, door_of
from ivr_bridge.app import Bridge
from ivr_bridge.elevenlabs.webhooks.routes import SECRET_HEADER
from ivr_bridge.simulator.phone.signing import signature
from ivr_bridge.telemetry.call_feed import CallFeeds
from tests.elevenlabs.signed_webhook import signed
from tests.support.built_bridge import TOKEN, built, form, started

ROUTES = {
    ("POST", "/twilio/voice"): Door.TWILIO_SIGNATURE,
    ("POST", "/twilio/stream-ended"): Door.TWILIO_SIGNATURE,
    ("POST", "/twilio/fallback"): Door.TWILIO_SIGNATURE,
    ("POST", "/twilio/status"): Door.TWILIO_SIGNATURE,
    ("POST", "/twilio/voicemail"): Door.TWILIO_SIGNATURE,
    ("POST", "/twilio/stream-status"): Door.TWILIO_SIGNATURE,
    ("POST", "/twilio/whisper/{token}"): Door.TWILIO_SIGNATURE,
    ("POST", "/twilio/whisper/{token}/answered"): Door.TWILIO_SIGNATURE,
    ("POST", "/twilio/transfer-status/{token}"): Door.TWILIO_SIGNATURE,
    ("GET", "/twilio/media"): Door.TWILIO_SIGNATURE,
    ("GET", "/twilio/media/{worker}"): Door.TWILIO_SIGNATURE,
    ("POST", "/elevenlabs/webhook"): Door.ELEVENLABS_PROOF,
    ("POST", "/elevenlabs/conversation-init"): Door.ELEVENLABS_PROOF,
    ("POST", "/twilio/outbound/{dial_id}"): Door.TWILIO_SIGNATURE,
    ("POST", "/twilio/outbound/{dial_id}/status"): Door.TWILIO_SIGNATURE,
    ("POST", "/twilio/outbound/{dial_id}/machine"): Door.TWILIO_SIGNATURE,
    ("POST", "/twilio/callback"): Door.TWILIO_SIGNATURE,
    ("GET", "/api/v1/calls/{call_sid}/events"): Door.API_KEY,
    ("POST", "/api/v1/calls"): Door.API_KEY,
    ("GET", "/api/v1/calls"): Door.API_KEY,
    ("GET", "/api/v1/calls/dials/{dial_id}"): Door.API_KEY,
    ("GET", "/api/v1/callbacks"): Door.API_KEY,
    ("DELETE", "/api/v1/callbacks/{callback_id}"): Door.API_KEY,
    ("POST", "/api/v1/callbacks/{callback_id}/call"): Door.API_KEY,
    ("GET", "/prompts/{name}"): Door.SIGNED_URL,
    ("GET", "/healthz"): Door.OPEN,
    ("GET", "/readyz"): Door.OPEN,
}
"""Every route of the server, and what lets a request in. A new route stands here or fails."""


@pytest.fixture
async def bridge(tmp_path: Path) -> AsyncIterator[Bridge]:
    async with started(tmp_path) as bridge:
        yield bridge


@pytest.fixture
async def http(bridge: Bridge) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(bridge.base_url) as session:
        yield session


def routes(bridge: Bridge) -> set[tuple[str, str]]:
    return {
        (route.method, route.resource.canonical)
        for route in bridge.web_app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }


def concrete(path: str) -> str:
    known = path.replace("{worker}", "0").replace("{call_sid}", "CA" + "0" * 32)
    return re.sub(r"\{[a-z_]+\}", "x1", known)


def test_the_walk_knows_every_route(bridge: Bridge):
    assert routes(bridge) == set(ROUTES)
    for (_, path), door in ROUTES.items():
        assert door_of(path) is door, path


async def test_no_door_opens_without_its_proof(bridge: Bridge, http: aiohttp.ClientSession):
    refused = {
        Door.TWILIO_SIGNATURE: 403,
        Door.ELEVENLABS_PROOF: 401,
        Door.API_KEY: 401,
        Door.SIGNED_URL: 403,
        Door.OPEN: 200,
    }
    for method, path in routes(bridge):
        async with http.request(method, concrete(path)) as response:
            assert response.status == refused[ROUTES[method, path]], (method, path)


async def test_a_wrong_proof_is_none(bridge: Bridge, http: aiohttp.ClientSession):
    signed = signature("another token", bridge.base_url + "/twilio/voice", form().items())
    async with http.post("/twilio/voice", data=form(), headers={"X-Twilio-Signature": signed}) as response:
        assert response.status == 403
    for headers in ({"Authorization": "Bearer ivr_wrong"}, {"X-API-Key": "ivr_wrong"}, {"X-Twilio-Signature": signed}):
        async with http.get("/api/v1/calls/CA1/events", headers=headers) as response:
            assert response.status == 401


async def test_a_key_in_the_url_opens_nothing(bridge: Bridge, http: aiohttp.ClientSession):
    async with http.get("/api/v1/calls/CA1/events", params={"api_key": bridge.made_api_key or ""}) as response:
        assert response.status == 400


async def test_the_key_opens_the_api(bridge: Bridge, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(CallFeeds.known.__kwdefaults__, "wait_s", 0.05)
    key = bridge.made_api_key
    assert key
    unknown = f"/api/v1/calls/CA{'0' * 32}/events"
    for headers in ({"Authorization": f"Bearer {key}"}, {"X-API-Key": key}):
        async with http.get(unknown, headers=headers) as response:
            assert response.status == 404
    signed = signature(TOKEN, bridge.base_url + "/twilio/voice", form().items())
    async with http.post("/twilio/voice", data=form(), headers={"X-Twilio-Signature": signed}) as response:
        assert response.status == 200
        assert "<Stream" in await response.text()
    async with http.get(f"/api/v1/calls/{form()['CallSid']}/events", headers={"X-API-Key": key}) as response:
        assert response.status == 200
        assert b"flow.chosen" in await response.content.readuntil(b"\n\n")


async def test_a_signature_opens_twilios_webhooks(bridge: Bridge, http: aiohttp.ClientSession):
    signed_paths = [
        path for (method, path), door in ROUTES.items() if method == "POST" and door is Door.TWILIO_SIGNATURE
    ]
    posts = [concrete(path) for path in signed_paths]
    wanted = {path: 204 if "status" in path or "machine" in path else 200 for path in posts}
    del wanted["/twilio/voice"]  # in the test above
    for path, status in wanted.items():
        params = form(CallStatus="completed")
        signed = signature(TOKEN, bridge.base_url + path, params.items())
        async with http.post(path, data=params, headers={"X-Twilio-Signature": signed}) as response:
            assert response.status == status, path


async def test_the_vendors_paths_are_not_there_without_our_secrets(tmp_path: Path):
    bridge = await built(tmp_path, elevenlabs_webhook_secret="", elevenlabs_init_secret="")
    try:
        async with aiohttp.ClientSession(await bridge.start()) as http:
            headers = {"ElevenLabs-Signature": signed(b"{}", ""), SECRET_HEADER: ""}
            for path in (path for (_, path), door in ROUTES.items() if door is Door.ELEVENLABS_PROOF):
                async with http.post(path, data=b"{}", headers=headers) as response:
                    assert response.status == 404, path
    finally:
        await bridge.close()


async def test_what_is_not_there_is_404_with_and_without_a_key(bridge: Bridge, http: aiohttp.ClientSession):
    for path in ("/", "/admin", "/twilio", "/twilio/voice/x", "/healthz/x", "/metrics", "/prompts", "/api/docs"):
        async with http.get(path, headers={"X-API-Key": bridge.made_api_key or ""}) as response:
            assert response.status == 404, path
    async with http.get("/api/v1/nothing") as response:
        assert response.status == 401, "whoever has no key does not learn what there is"
