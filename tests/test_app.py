"""The joined application over real sockets: what it keeps, what it tells, and what is closed when."""

import asyncio
import gc
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from ivr_bridge import app as app_module
from ivr_bridge.app import Bridge
from ivr_bridge.elevenlabs.webhooks.routes import SECRET_HEADER
from ivr_bridge.errors import ConfigError
from ivr_bridge.records.call_history import one_call
from ivr_bridge.records.tables import voicemails
from ivr_bridge.simulator.phone.signing import signature
from tests.elevenlabs.signed_webhook import recording, signed, transcription
from tests.support.built_bridge import INIT_SECRET, ROOT, TOKEN, built, form, started


@pytest.fixture
async def bridge(tmp_path: Path) -> AsyncIterator[Bridge]:
    async with started(tmp_path) as bridge:
        yield bridge


@pytest.fixture
async def http(bridge: Bridge) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(bridge.base_url) as session:
        yield session


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
