"""The joined application over real sockets: every route and its door, and what is closed when."""

import asyncio
import gc
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from ivr_bridge import app as app_module
from ivr_bridge.access.doors import Door, door_of
from ivr_bridge.app import Bridge, build_app
from ivr_bridge.elevenlabs.webhooks.routes import SECRET_HEADER
from ivr_bridge.errors import ConfigError
from ivr_bridge.records.call_history import one_call
from ivr_bridge.records.tables import voicemails
from ivr_bridge.settings import read_settings
from ivr_bridge.simulator.phone.signing import signature
from ivr_bridge.telemetry.call_feed import CallFeeds
from ivr_bridge.telemetry.log import Log
from tests.elevenlabs.signed_webhook import SECRET, recording, signed, transcription

TOKEN = "0123456789abcdef0123456789abcdef"
INIT_SECRET = "what the agent shows us"
NOBODY = "http://127.0.0.1:9"
ROOT = Path(__file__).parent.parent

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


def settings(tmp_path: Path, **given: Any) -> Any:
    known = {
        "elevenlabs_base_url": NOBODY,
        "elevenlabs_api_key": "test",
        "twilio_auth_token": TOKEN,
        "elevenlabs_webhook_secret": f"wsec_new,{SECRET}",
        "elevenlabs_init_secret": INIT_SECRET,
        "port": 0,
        "var_dir": tmp_path / "var",
        "config_dir": ROOT / "config",
    }
    return read_settings({}, **{**known, **given})


async def built(tmp_path: Path, **given: Any) -> Bridge:
    feeds = CallFeeds()
    return await build_app(settings(tmp_path, **given), Log(feeds), feeds)


@pytest.fixture
async def bridge(tmp_path: Path) -> AsyncIterator[Bridge]:
    bridge = await built(tmp_path)
    await bridge.start()
    yield bridge
    await bridge.close()


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


def form(**more: str) -> dict[str, str]:
    return {
        "CallSid": "CA" + "1" * 32,
        "AccountSid": "AC" + "1" * 32,
        "From": "+15550100001",
        "To": "+15550100002",
        "CallStatus": "ringing",
        **more,
    }


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


async def test_what_the_vendor_tells_is_kept_and_worked_on(bridge: Bridge, http: aiohttp.ClientSession):
    with capture_logs() as captured:
        for body in (transcription(), recording(b"mp3"), transcription()):
            headers = {"ElevenLabs-Signature": signed(body)}
            async with http.post("/elevenlabs/webhook", data=body, headers=headers) as response:
                assert response.status == 200
        async with asyncio.timeout(20):
            while await bridge.conversations.files.waiting():
                await asyncio.sleep(0.01)
    folder = bridge.settings.var_dir / "conversations"
    assert (folder / "conv_1.json").read_bytes() == transcription()
    assert (folder / "conv_1.mp3").read_bytes() == b"mp3"
    told = [
        (event["type"], event["conversation_id"]) for event in captured if event["event"] == "conversation.recorded"
    ]
    assert told == [("post_call_transcription", "conv_1"), ("post_call_audio", "conv_1")]


async def test_a_webhook_that_breaks_off_is_logged(bridge: Bridge):
    _, writer = await asyncio.open_connection("127.0.0.1", int(bridge.base_url.rpartition(":")[2]))
    head = f"POST /elevenlabs/webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nElevenLabs-Signature: {signed(b'')}"
    with capture_logs() as captured:
        writer.write(head.encode() + b"\r\n\r\nhalf")
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.close()
        async with asyncio.timeout(20):
            while not any(event["event"] == "webhook.refused" for event in captured):
                await asyncio.sleep(0.01)
    assert [event["reason"] for event in captured if event["event"] == "webhook.refused"] == ["broken_body"]


async def test_the_vendor_is_told_of_a_caller(tmp_path: Path):
    config = tmp_path / "config"
    shutil.copytree(ROOT / "config", config)
    (config / "bridge.yaml").write_text(
        "dynamic_variables: {caller_number: caller, line: called, sid: call_sid}\noverrides: {tts: {speed: 1.1}}\n"
    )
    asked = {"caller_id": "+15550100001", "agent_id": "agent_1", "called_number": "+15550100002", "call_sid": "CA1"}
    bridge = await built(tmp_path, config_dir=config)
    try:
        async with aiohttp.ClientSession(await bridge.start()) as http:
            headers = {SECRET_HEADER: INIT_SECRET}
            async with http.post("/elevenlabs/conversation-init", json=asked, headers=headers) as response:
                assert await response.json() == {
                    "type": "conversation_initiation_client_data",
                    "dynamic_variables": {"caller_number": "+15550100001", "line": "+15550100002", "sid": "CA1"},
                    "conversation_config_override": {"tts": {"speed": 1.1}},
                }
    finally:
        await bridge.close()


async def test_what_is_not_there_is_404_with_and_without_a_key(bridge: Bridge, http: aiohttp.ClientSession):
    for path in ("/", "/admin", "/twilio", "/twilio/voice/x", "/healthz/x", "/metrics", "/prompts", "/api/docs"):
        async with http.get(path, headers={"X-API-Key": bridge.made_api_key or ""}) as response:
            assert response.status == 404, path
    async with http.get("/api/v1/nothing") as response:
        assert response.status == 401, "whoever has no key does not learn what there is"


async def test_ready_names_each_dependency_and_says_no_while_draining(bridge: Bridge, http: aiohttp.ClientSession):
    async with http.get("/readyz") as response:
        told = await response.json()
        assert response.status == 200
        assert told["ready"] is True
        assert set(told["dependencies"]) == {"store", "records", "agent", "prompts"}
        assert all(isinstance(state, str) for state in told["dependencies"].values())
    await bridge.desk.drain(0)
    async with http.get("/readyz") as response:
        assert response.status == 503
        assert (await response.json())["ready"] is False
    async with http.get("/healthz") as response:
        assert response.status == 200


async def test_draining_refuses_a_new_call_with_words(bridge: Bridge, http: aiohttp.ClientSession):
    await bridge.desk.drain(0)
    signed = signature(TOKEN, bridge.base_url + "/twilio/voice", form().items())
    async with http.post("/twilio/voice", data=form(), headers={"X-Twilio-Signature": signed}) as response:
        text = await response.text()
    assert "<Say" in text
    assert "<Stream" not in text
    assert len(bridge.desk.calls) == 0
    assert len(bridge.desk.parked) == 0


async def test_unreachable_vendor_keeps_no_server_from_starting(bridge: Bridge, http: aiohttp.ClientSession):
    async with http.get("/healthz") as response:
        assert response.status == 200


async def test_a_taken_port_is_an_oserror_and_the_rest_is_let_go(bridge: Bridge, tmp_path: Path):
    port = int(bridge.base_url.rpartition(":")[2])
    second = await built(tmp_path, port=port)
    try:
        with pytest.raises(OSError, match="address already in use"):
            await second.start()
    finally:
        await second.close()


async def test_build_app_closes_what_it_opened_when_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    config = tmp_path / "config"
    (config / "prompts").mkdir(parents=True)
    (config / "bridge.yaml").write_text("language: en\n")
    (config / "prompts" / "en.yaml").write_text("this: [is not a prompt file\n")
    closed = []
    opened = []
    real = app_module.open_store

    async def open_store(*arguments: Any) -> Any:
        store = await real(*arguments)
        close = store.close

        async def note() -> None:
            await close()
            closed.append(store)

        monkeypatch.setattr(store, "close", note)
        opened.append(store)
        return store

    monkeypatch.setattr(app_module, "open_store", open_store)
    before = asyncio.all_tasks()
    with pytest.raises(ConfigError, match=r"en\.yaml"):
        await built(tmp_path, config_dir=config)
    assert opened
    assert closed == opened
    assert asyncio.all_tasks() == before
    gc.collect()  # a client session that was left open would warn now, and a warning is an error


async def test_the_first_key_is_made_once_and_kept_hashed(bridge: Bridge, tmp_path: Path):
    var = bridge.settings.var_dir
    key = (var / "api_key").read_text().strip()
    assert key == bridge.made_api_key
    assert (var / "api_key").stat().st_mode & 0o777 == 0o600
    assert key not in (var / "api_keys.json").read_text()
    second = await built(tmp_path)
    try:
        assert second.made_api_key is None
        assert (var / "api_key").read_text().strip() == key
    finally:
        await second.close()


async def test_without_a_token_this_machine_makes_one_and_signatures_still_count(tmp_path: Path):
    bridge = await built(tmp_path, twilio_auth_token=None)
    try:
        url = await bridge.start()
        path = bridge.settings.var_dir / "twilio_auth_token"
        assert path.stat().st_mode & 0o777 == 0o600
        assert bridge.made_auth_token
        async with aiohttp.ClientSession(url) as http:
            for token, status in ((TOKEN, 403), (path.read_text().strip(), 200)):
                signed = signature(token, url + "/twilio/fallback", form().items())
                headers = {"X-Twilio-Signature": signed}
                async with http.post("/twilio/fallback", data=form(), headers=headers) as response:
                    assert response.status == status
    finally:
        await bridge.close()


async def ring_and_end(bridge: Bridge, http: aiohttp.ClientSession, sid: str) -> None:
    for path, status in (("/twilio/voice", "ringing"), ("/twilio/status", "completed")):
        params = form(CallSid=sid, CallStatus=status, Direction="inbound")
        signed = signature(TOKEN, bridge.base_url + path, params.items())
        async with http.post(path, data=params, headers={"X-Twilio-Signature": signed}) as response:
            assert response.status in (200, 204)


async def test_calls_stand_in_the_records(bridge: Bridge, http: aiohttp.ClientSession):
    sid = "CA" + "7" * 32
    await ring_and_end(bridge, http, sid)
    async with asyncio.timeout(20):
        await bridge.records.settled()
    call = await one_call(bridge.records.database, sid)
    assert call is not None
    assert (call["caller"], call["called"], call["direction"]) == ("+15550100001", "+15550100002", "inbound")
    assert call["flow"]
    assert call["began_at"] <= call["ended_at"]
    assert call["termination"] == call["account"]["reason"]
    assert "+1555" not in str(call["account"])


async def test_a_database_that_is_down_stops_no_call(tmp_path: Path):
    with capture_logs() as captured:
        bridge = await built(tmp_path, database_url="postgresql://u:very-secret@127.0.0.1:9/n")
        try:
            async with aiohttp.ClientSession(await bridge.start()) as http:
                await ring_and_end(bridge, http, "CA" + "7" * 32)
                async with asyncio.timeout(20):
                    while bridge.records.state == "ok":
                        await asyncio.sleep(0.01)
                async with http.get("/readyz") as response:
                    assert response.status == 200
                    assert (await response.json())["dependencies"]["records"] == "delayed"
        finally:
            await bridge.close()
    assert "very-secret" not in str(captured)
    assert "records.delayed" in [event["event"] for event in captured]
    bridge = await built(tmp_path)
    async with asyncio.timeout(20):
        await bridge.records.settled()
    assert await one_call(bridge.records.database, "CA" + "7" * 32) is not None, "it waited on the disk"
    await bridge.close()


@pytest.mark.parametrize("url", ["sqlite+x://", "postgresql://h:port/n"])
async def test_a_database_url_that_cannot_be_meant(tmp_path: Path, url: str):
    with pytest.raises(ConfigError, match="DATABASE_URL"):
        await built(tmp_path, database_url=url)


async def test_what_lay_in_files_is_in_the_records_after_a_start(tmp_path: Path):
    (tmp_path / "var").mkdir()
    line = '{"recorded_at": "2026-03-01T08:15:30+00:00", "call_sid": "CA1", "caller": "+1", "recording_sid": "RE1"}'
    (tmp_path / "var" / "voicemails.jsonl").write_text(line + "\n")
    bridge = await built(tmp_path)
    await bridge.start()
    async with asyncio.timeout(20):
        while not (tmp_path / "var" / "voicemails.jsonl.taken").exists():
            await asyncio.sleep(0.01)
        await bridge.records.settled()
    rows = await bridge.records.database.rows(voicemails.select())
    await bridge.close()
    assert [(row["id"], row["call_sid"]) for row in rows] == [("RE1", "CA1")]
