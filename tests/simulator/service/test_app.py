import asyncio
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp import ClientSession, WSServerHandshakeError

from ivr_bridge.errors import ConfigError
from ivr_bridge.simulator.service.app import build_service, run_service
from tests.simulator.service.caller import DESK, QUIET, Caller, dialled, served

PRIVATE = "agent_sandbox_private"
KEYED = {"xi-api-key": "right"}


@pytest.mark.parametrize(
    "options",
    [{"output_format": "mp3"}, {"input_format": "alaw_8000"}, {"fault": "x"}, {"fault": "slow", "fault_at_s": 1}],
)
def test_options_are_checked(options: dict):
    with pytest.raises(ConfigError, match=r"there are|only these faults"):
        build_service(**options)


async def test_any_key_is_accepted_but_none_is_not():
    async with served() as server, ClientSession() as session:
        async with session.get(server.make_url("/v1/models")) as answer:
            assert answer.status == 401
            detail = (await answer.json())["detail"]
            assert (detail["code"], detail["status"]) == ("invalid_api_key", "invalid_api_key")
        async with session.get(server.make_url("/v1/models"), headers={"xi-api-key": "any"}) as answer:
            assert answer.status == 200


async def test_only_the_given_key():
    async with served(key="right") as server, ClientSession() as session:
        for key, status in (("wrong", 401), ("right", 200)):
            async with session.get(server.make_url("/v1/models"), headers={"xi-api-key": key}) as answer:
                assert answer.status == status


async def test_what_the_sandbox_does_not_do():
    async with served() as server, ClientSession(headers=KEYED) as session:
        async with session.get(server.make_url("/v1/nothing")) as answer:
            assert (answer.status, (await answer.json())["detail"]["code"]) == (501, "not_implemented")
        async with session.get(server.make_url("/nothing")) as answer:
            assert (answer.status, await answer.json()) == (404, {"detail": "Not Found"})


async def signed_url(server, session: ClientSession, agent_id: str = PRIVATE, **query: str) -> str:
    path = server.make_url("/v1/convai/conversation/get-signed-url").with_query(agent_id=agent_id, **query)
    async with session.get(path) as answer:
        return str((await answer.json())["signed_url"])


async def test_a_signed_url_opens_a_private_agent():
    async with served() as server, ClientSession(headers=KEYED) as session:
        url = await signed_url(server, session)
        async with ClientSession() as stranger:
            for _ in range(2):
                async with stranger.ws_connect(url) as socket:
                    await Caller(socket).begin()


async def test_a_signed_url_with_a_conversation_id_is_for_once():
    async with served() as server, ClientSession(headers=KEYED) as session:
        url = await signed_url(server, session, include_conversation_id="true")
        (conversation_id,) = parse_qs(urlsplit(url).query)["conversation_id"]
        async with ClientSession() as stranger:
            async with stranger.ws_connect(url) as socket:
                metadata = await Caller(socket).begin()
                event = metadata["conversation_initiation_metadata_event"]
                assert event["conversation_id"] == conversation_id
            with pytest.raises(WSServerHandshakeError) as refused:
                await stranger.ws_connect(url)
            assert refused.value.status == 403


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        (f"agent_id={PRIVATE}", {}, 403),
        (f"agent_id={PRIVATE}", {"xi-api-key": "wrong"}, 401),
        (f"agent_id={DESK}&conversation_signature=cvtkn_forged", {}, 403),
        ("agent_id=agent_unknown", {}, 404),
        ("", {}, 404),
    ],
)
async def test_refused_upgrades(query: str, headers: dict, status: int):
    async with served(key="right") as server, ClientSession() as session:
        with pytest.raises(WSServerHandshakeError) as refused:
            await session.ws_connect(server.make_url(f"/v1/convai/conversation?{query}"), headers=headers)
        assert refused.value.status == status


async def test_a_key_in_the_header_opens_a_private_agent():
    async with served(key="right") as server, dialled(server, PRIVATE, headers=KEYED) as caller:
        await caller.begin()


async def test_the_subprotocol_is_echoed():
    async with served() as server, dialled(server, protocols=("convai",)) as caller:
        assert caller.socket.protocol == "convai"


async def test_the_log_shows_what_was_seen():
    async with served() as server, ClientSession(headers=KEYED) as session:
        url = await signed_url(server, session, DESK)
        async with session.ws_connect(url) as socket:
            caller = Caller(socket)
            await caller.begin(**QUIET)
            await caller.say(bytes(1600))
            await caller.send(type="user_activity")
            await caller.send(type="user_message", text="is there parking")
            await caller.until("agent_response_complete")
        await asyncio.sleep(0.1)
        async with session.get(server.make_url("/sandbox/log")) as answer:
            log = await answer.json()
    assert log["requests"][0] == {
        "method": "GET",
        "path": "/v1/convai/conversation/get-signed-url",
        "query": ["agent_id"],
    }
    (conversation,) = log["conversations"]
    assert conversation["user_audio_bytes"] == 800
    assert [kind for kind in conversation["received"] if kind != "pong"] == [
        "conversation_initiation_client_data",
        "user_audio_chunk",
        "user_activity",
        "user_message",
    ]
    assert conversation["transcripts"] == ["is there parking"]
    assert conversation["close_code"] == 1000


async def test_run_service_tells_its_port_and_ends_when_cancelled():
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    service = asyncio.create_task(run_service(0, on_ready=port.set_result))
    async with ClientSession(headers=KEYED) as session:
        url = f"http://127.0.0.1:{await port}/v1/convai/agents"
        async with session.get(url) as answer:
            assert answer.status == 200
        service.cancel()
        with pytest.raises(asyncio.CancelledError):
            await service
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(url)


async def test_stopping_ends_open_conversations():
    async with served() as server, dialled(server) as caller:
        await caller.begin(**QUIET)
        stopping = asyncio.create_task(server.close())
        assert await caller.rest() == 1001
        await stopping


async def test_the_log_tells_of_facts_and_tools():
    async with served() as server, ClientSession() as session:
        async with dialled(server, "agent_sandbox_polyglot") as caller:
            await caller.begin(**QUIET)
            await caller.send(type="contextual_update", context_id="menu", text="Options: a = apples")
            await caller.send(type="contextual_update", text="caller pressed 2")
            await caller.send(type="user_message", text="请说中文")
            call = (await caller.until("client_tool_call"))["client_tool_call"]
            await caller.send(type="client_tool_result", tool_call_id=call["tool_call_id"], result="ok", is_error=False)
            await caller.until("agent_response_complete")
        async with session.get(server.make_url("/sandbox/log")) as answer:
            (conversation,) = (await answer.json())["conversations"]
    assert conversation["context"] == [
        {"context_id": "menu", "text": "Options: a = apples"},
        {"context_id": "", "text": "caller pressed 2"},
    ]
    assert conversation["tool_calls"] == [{"tool_name": "switch_language", "parameters": {"language": "zh"}}]
    assert (conversation["language"], conversation["first_message"], conversation["fault"]) == ("zh", "", None)
