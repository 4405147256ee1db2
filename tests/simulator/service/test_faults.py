import asyncio
import base64
import json

import aiohttp
import pytest

from ivr_bridge.errors import ConfigError
from ivr_bridge.simulator.service.conversation import Pace
from ivr_bridge.simulator.service.faults import FAULTS, check_fault
from tests.simulator.service.caller import QUIET, dialled, said, served


def test_an_unknown_fault_lists_all():
    assert check_fault(None) is None
    assert check_fault("slow") == "slow"
    with pytest.raises(ConfigError, match="close_1002"):
        check_fault("nonsense")


@pytest.mark.parametrize("code", [1002, 1008, 1011])
async def test_close(code: int):
    async with served(fault=f"close_{code}") as server, dialled(server) as caller:
        await caller.begin()
        assert await caller.rest() == code
        assert "audio" in caller.kinds()
        assert "error" in caller.kinds()


async def test_goodbye_in_mid_greeting():
    async with served(fault="goodbye_1000") as server, dialled(server) as caller:
        await caller.begin()
        assert await caller.rest() == 1000
        assert 0 < len(caller.audio()) < 16000
        assert "agent_response_complete" not in caller.kinds()


async def test_drop_is_no_close_frame():
    async with served(fault="drop") as server, dialled(server) as caller:
        await caller.begin()
        await caller.until("audio")
        assert await caller.rest() in (None, 1006)


async def test_silent_never_speaks():
    async with served(fault="silent") as server, dialled(server) as caller:
        await caller.begin()
        await caller.send(type="user_message", text="is there parking")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(caller.until("agent_response"), 0.3)


async def test_slow_is_late_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ivr_bridge.simulator.service.conversation._SLOW_S", 0.3)
    async with served(fault="slow") as server, dialled(server) as caller:
        await caller.begin(**QUIET)
        loop = asyncio.get_running_loop()
        await caller.send(type="user_message", text="is there parking")
        await caller.until("user_transcript")
        asked_at = loop.time()
        await caller.until("agent_response")
        assert loop.time() - asked_at >= 0.25


async def test_malformed_then_goes_on():
    async with served(fault="malformed") as server, dialled(server) as caller:
        await caller.send(type="conversation_initiation_client_data")
        texts = []
        while not any('"agent_response"' in text for text in texts):
            texts.append(str((await caller.socket.receive(timeout=10)).data))
        assert "this is no JSON" in texts
        assert '{"type": "audio"}' in texts


async def test_late_audio_has_the_old_id():
    async with served(fault="late_audio", pace=Pace(speed=2.0)) as server, dialled(server) as caller:
        await caller.begin(**QUIET)
        await caller.send(type="user_message", text="when are you open")
        old = (await caller.until("agent_response"))["agent_response_event"]["event_id"]
        await caller.until("audio")
        await caller.say(said("is there parking"))
        await caller.until("interruption")
        assert (await caller.until("audio"))["audio_event"]["event_id"] == old


async def test_sizes_of_chunks():
    sizes = {}
    for fault in ("odd_chunks", "big_chunks"):
        async with served(fault=fault) as server, dialled(server) as caller:
            await caller.begin()
            await caller.until("agent_response_complete")
            sizes[fault] = [
                len(base64.b64decode(message["audio_event"]["audio_base_64"]))
                for message in caller.seen
                if message["type"] == "audio"
            ]
    assert all(size % 2 for size in sizes["odd_chunks"][:-1])
    assert sizes["big_chunks"][0] == 16000
    assert sum(sizes["odd_chunks"]) == pytest.approx(sum(sizes["big_chunks"]), rel=0.02)


async def test_tool_storm():
    async with served(fault="tool_storm") as server, dialled(server) as caller:
        await caller.begin()
        calls = [(await caller.until("client_tool_call"))["client_tool_call"]["tool_call_id"] for _ in range(20)]
        assert len(set(calls)) == 20
        for call in calls:
            await caller.send(type="client_tool_result", tool_call_id=call, result="{}", is_error=False)
        await caller.send(type="user_message", text="is there parking")
        await caller.until("user_transcript")


async def test_flood():
    async with served(fault="flood") as server, dialled(server) as caller:
        await caller.begin()
        await caller.until("agent_response_complete")
        for _ in range(50):
            assert (await caller.until("audio"))["type"] == "audio"


async def test_hang_never_answers_the_upgrade():
    async with served(fault="hang") as server, aiohttp.ClientSession() as session:
        url = server.make_url("/v1/convai/conversation?agent_id=agent_sandbox_desk")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(session.ws_connect(url), 0.3)


SIGNED_URL = "/v1/convai/conversation/get-signed-url?agent_id=agent_sandbox_desk"


@pytest.mark.parametrize(
    ("fault", "method", "path", "status", "code"),
    [
        ("refuse", "GET", SIGNED_URL, 401, "missing_permissions"),
        ("busy", "GET", SIGNED_URL, 429, "concurrent_limit_exceeded"),
        ("no_agent", "GET", "/v1/convai/agents/agent_sandbox_desk", 404, "agent_not_found"),
        ("unreachable_tts", "POST", "/v1/text-to-speech/SandboxClara00000001", 500, "internal_server_error"),
    ],
)
async def test_rest(fault: str, method: str, path: str, status: int, code: str):
    async with (
        served(fault=fault) as server,
        aiohttp.ClientSession(headers={"xi-api-key": "k"}) as session,
        session.request(method, server.make_url(path), data=json.dumps({"text": "hi"})) as answer,
    ):
        assert answer.status == status
        assert (await answer.json())["detail"]["code"] == code


def test_each_fault_is_described():
    assert all(text and not text.endswith(".") for text in FAULTS.values())
