import pytest
from aiohttp import ClientSession, WSServerHandshakeError

from ivr_bridge.simulator.service.app import KEYS
from tests.simulator.service.asker import Asker, asking
from tests.simulator.service.caller import QUIET, dialled

ULAW = {
    "asr": {"user_input_audio_format": "ulaw_8000"},
    "tts": {"agent_output_audio_format": "ulaw_8000", "model_id": "eleven_flash_v2_5"},
}


async def made(asker: Asker, **body: object) -> str:
    answer = await asker.good("POST", "/v1/convai/agents/create", {"conversation_config": ULAW, **body})
    return str(answer["agent_id"])


async def test_an_agent_of_the_account():
    async with asking() as asker:
        config = {**ULAW, "agent": {"first_message": "Good day."}}
        agent_id = await made(asker, conversation_config=config)
        async with dialled(asker.server, agent_id) as caller:
            await caller.begin()
            said = await caller.until("agent_response")
            assert said["agent_response_event"]["agent_response"] == "Good day."
        await asker.good("DELETE", f"/v1/convai/agents/{agent_id}")
        with pytest.raises(WSServerHandshakeError) as refused:
            async with dialled(asker.server, agent_id):
                pass
        assert refused.value.status == 404


async def test_the_formats_are_those_of_the_agent():
    async with asking(output_format="pcm_16000") as asker:
        for agent_id, name in (("agent_sandbox_desk", "pcm_16000"), (await made(asker), "ulaw_8000")):
            async with dialled(asker.server, agent_id) as caller:
                event = (await caller.begin())["conversation_initiation_metadata_event"]
                assert event["agent_output_audio_format"] == name


async def test_a_private_agent_of_the_account():
    async with asking() as asker:
        agent_id = await made(asker, platform_settings={"auth": {"enable_auth": True}})
        with pytest.raises(WSServerHandshakeError) as refused:
            async with dialled(asker.server, agent_id):
                pass
        assert refused.value.status == 403
        signed = await asker.good("GET", f"/v1/convai/conversation/get-signed-url?agent_id={agent_id}")
        async with ClientSession() as stranger, stranger.ws_connect(signed["signed_url"]):
            pass


@pytest.mark.parametrize(("headers", "method"), [({}, "public"), ({"xi-api-key": "k"}, "authorization_header")])
async def test_how_it_was_opened_is_kept(headers: dict[str, str], method: str):
    async with asking() as asker:
        async with dialled(asker.server, headers=headers) as caller:
            await caller.begin(**QUIET)
        (document,) = asker.account.conversations.documents()
        assert document["metadata"]["authorization_method"] == method


async def test_a_dead_key_opens_nothing():
    async with asking() as asker:
        asker.server.runner.app[KEYS].kill("k")
        with pytest.raises(WSServerHandshakeError) as refused:
            async with dialled(asker.server, headers={"xi-api-key": "k"}):
                pass
        assert refused.value.status == 401
