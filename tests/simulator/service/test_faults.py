import asyncio
import base64
import json
from contextlib import suppress

import aiohttp
import pytest

from ivr_bridge.errors import ConfigError
from ivr_bridge.simulator.service.faults import BREAKS, FAULTS, Fault, FaultPlan, check_fault
from ivr_bridge.simulator.service.stage import Pace
from tests.simulator.service.caller import QUIET, dialled, said, served

SIGNED_URL = "/v1/convai/conversation/get-signed-url?agent_id=agent_sandbox_desk"
SPEECH = "/v1/text-to-speech/SandboxClara00000001"
REGISTER = "/v1/convai/twilio/register-call"
KEYED = {"xi-api-key": "k"}


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


@pytest.mark.parametrize(("fault", "late"), [("slow", 1), ("slower", 2)])
async def test_replies_are_late(fault: str, late: int):
    pace = Pace(speed=200.0, slow_s=0.3, slower_s=0.3)
    async with served(fault=fault, pace=pace) as server, dialled(server) as caller:
        await caller.begin(**QUIET)
        loop = asyncio.get_running_loop()
        waited_s = []
        for _ in range(late):
            await caller.send(type="user_message", text="is there parking")
            await caller.until("user_transcript")
            asked_at = loop.time()
            await caller.until("agent_response")
            waited_s.append(loop.time() - asked_at)
    assert min(waited_s) >= 0.25


async def test_speechless_understands_only():
    async with served(fault="speechless") as server, dialled(server) as caller:
        await caller.begin(**QUIET)
        await caller.send(type="user_message", text="is there parking")
        await caller.until("user_transcript")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(caller.until("agent_response"), 0.3)


async def test_quota_closes_as_it_was_seen():
    async with served(fault="quota") as server, dialled(server) as caller:
        await caller.send(type="conversation_initiation_client_data")
        last: dict = {}
        while (received := await caller.socket.receive(timeout=10)).type is aiohttp.WSMsgType.TEXT:
            last = json.loads(received.data)
        assert (caller.socket.close_code, received.extra) == (1002, "This request exceeds your quota limit.")
        assert last == {
            "type": "error",
            "message": "received 1002 (protocol error) This request exceeds your quota limit.",
        }


async def test_half_open_sends_nothing_more_and_still_reads():
    pace = Pace(speed=200.0, ping_s=0.02, receive_timeout_s=0.1)
    async with served(fault="half_open", pace=pace) as server, dialled(server, autoping=False) as caller:
        await caller.begin()
        await caller.until("agent_response_complete")
        while True:  # what was sent before
            try:
                await asyncio.wait_for(caller.receive(), 0.15)
            except TimeoutError:
                break
        await caller.socket.ping()
        await caller.send(type="user_message", text="is there parking")
        for _ in range(300):
            await caller.say(bytes(1600), chunk_bytes=800)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(caller.socket._reader.read(), 0.2)
        await caller.socket._writer.close(1000, b"")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(caller.socket._reader.read(), 0.2)


async def test_half_open_is_polite_before():
    async with served(fault="half_open", fault_at_s=60) as server, dialled(server, autoping=False) as caller:
        await caller.begin(**QUIET)
        await caller.socket.ping(b"hello")
        while (received := await caller.socket.receive(timeout=10)).type is aiohttp.WSMsgType.TEXT:
            pass
        assert (received.type, received.data) == (aiohttp.WSMsgType.PONG, b"hello")


async def test_outage_is_dark_from_the_start():
    async with served(fault="outage") as server, aiohttp.ClientSession(headers=KEYED) as session:
        for method, path in (("GET", SIGNED_URL), ("GET", "/v1/models"), ("POST", SPEECH), ("POST", REGISTER)):
            async with session.request(method, server.make_url(path), json={"text": "hi"}) as answer:
                assert (answer.status, answer.content_type) == (503, "text/plain")
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.ws_connect(server.make_url("/v1/convai/conversation?agent_id=agent_sandbox_desk"))


@pytest.mark.parametrize("fault", [name for name in FAULTS if name not in ("outage", "unreachable_tts")])
async def test_text_to_speech_works_all_the_same(fault: str):
    async with (
        served(fault=fault) as server,
        aiohttp.ClientSession(headers=KEYED) as session,
        session.post(server.make_url(f"{SPEECH}?output_format=ulaw_8000"), json={"text": "hi"}) as answer,
    ):
        assert answer.status == 200


@pytest.mark.parametrize("fault", ["close_1011", "drop", "quota"])
async def test_only_some_conversations_break(fault: str):
    async with served(fault=fault, fault_after=1, fault_conversations=1) as server:
        endings = []
        for _ in range(3):
            async with dialled(server) as caller:
                await caller.send(type="conversation_initiation_client_data", **QUIET)
                await caller.send(type="user_message", text="goodbye")
                while (await caller.socket.receive(timeout=10)).type is aiohttp.WSMsgType.TEXT:
                    pass
                endings.append(caller.socket.close_code == 1000)
    assert endings == [True, False, True]


async def test_a_refused_url_counts_and_a_url_is_its_conversation():
    async with (
        served(fault="refuse", fault_conversations=2) as server,
        aiohttp.ClientSession(headers=KEYED) as session,
    ):
        for status in (401, 401, 200):
            async with session.get(server.make_url(SIGNED_URL)) as answer:
                assert answer.status == status
    async with (
        served(fault="close_1002", fault_after=1, fault_conversations=1) as server,
        aiohttp.ClientSession(headers=KEYED) as session,
    ):
        urls = []
        for _ in range(2):
            async with session.get(server.make_url(SIGNED_URL)) as answer:
                urls.append((await answer.json())["signed_url"])
        async with session.ws_connect(urls[1]) as socket:
            await socket.send_json({"type": "conversation_initiation_client_data", **QUIET})
            async for _ in socket:
                pass
            assert socket.close_code == 1002
        async with session.ws_connect(urls[0]) as socket:
            await socket.send_json({"type": "conversation_initiation_client_data", **QUIET})
            await socket.send_json({"type": "user_message", "text": "goodbye"})
            async for _ in socket:
                pass
            assert socket.close_code == 1000


@pytest.mark.parametrize("fault", BREAKS)
async def test_a_break_at_a_moment(fault: str):
    async with served(fault=fault, fault_at_s=0.3) as server, dialled(server) as caller:
        await caller.begin(conversation_config_override={"agent": {"first_message": "Hi."}})
        await caller.until("agent_response_complete")
        await caller.send(type="user_message", text="is there parking")
        await caller.until("agent_response_complete")
        seen = 0
        with suppress(TimeoutError):  # a half-open socket says nothing more
            while (await asyncio.wait_for(caller.socket.receive(), 3)).type is aiohttp.WSMsgType.TEXT:
                seen += 1
        assert seen < 10


async def test_the_fault_is_changed_while_it_runs():
    async with served() as server, aiohttp.ClientSession() as session:
        url = server.make_url("/sandbox/fault")
        async with session.post(url, json={"fault": "close_1008", "conversations": 1}) as answer:
            assert answer.status == 200
        async with dialled(server) as caller:
            await caller.begin(**QUIET)
            assert await caller.rest() == 1008
        async with session.get(url) as answer:
            assert await answer.json() == {
                "fault": "close_1008", "conversations": 1, "after": 0, "at_s": None, "begun": 1,
            }  # fmt: skip
        async with session.post(url, json={"fault": None}) as answer:
            assert (await answer.json())["begun"] == 0
        async with dialled(server) as caller:
            await caller.begin(**QUIET)
            await caller.send(type="user_message", text="goodbye")
            assert await caller.rest() == 1000


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b"{}", b'{"fault": "x"}', b'{"fault": 1}', b'{"fault": "drop", "conversations": 0}',
     b'{"fault": "drop", "conversations": true}', b'{"fault": "slow", "at_s": 1}', b'{"fault": null, "n": 1}'],
)  # fmt: skip
async def test_a_fault_that_cannot_be(body: bytes):
    async with (
        served() as server,
        aiohttp.ClientSession() as session,
        session.post(server.make_url("/sandbox/fault"), data=body) as answer,
    ):
        assert answer.status == 400
        assert (await answer.json())["detail"]


def test_the_plan_keeps_few_signatures():
    plan = FaultPlan(Fault("drop", conversations=5))
    for number in range(2000):
        plan.sign(f"s{number}", number)
    assert len(plan._numbers) == 1000
    assert plan.number_of("s1999") == 1999
    assert plan.number_of("s0") == 1


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
