"""Whole stories of the vendor's own Python SDK against the sandbox: agents, tools, documents, conversations."""

import asyncio
import warnings
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ivr_bridge.simulator.service.app import ACCOUNT
from tests.simulator.service.caller import QUIET, dialled, served

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the SDK imports what websockets has renamed
    from elevenlabs.client import ElevenLabs
    from elevenlabs.core.api_error import ApiError

pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning")]
LONG = "We are open from noon to midnight. " * 30


async def told(story: Callable[[ElevenLabs], Any], **options: Any) -> Any:
    """What a story gives, run in a thread against a sandbox of its own."""
    async with served(**options) as server:
        with httpx.Client(follow_redirects=True) as http:
            client = ElevenLabs(api_key="any", base_url=str(server.make_url("")).rstrip("/"), httpx_client=http)
            return await asyncio.to_thread(story, client)


def tool_config(name: str = "lookup") -> dict[str, Any]:
    number = {"type": "integer", "description": "how many"}
    return {
        "type": "client",
        "name": name,
        "description": "Look a caller up.",
        "expects_response": True,
        "parameters": {"type": "object", "required": ["n"], "properties": {"n": number}},
    }


async def test_an_agent_with_a_tool_and_a_document():
    def story(client: ElevenLabs) -> None:
        convai = client.conversational_ai
        tool = convai.tools.create(request={"tool_config": tool_config()})
        document = convai.knowledge_base.documents.create_from_text(text=LONG, name="hours")
        prompt = {
            "prompt": "Be kind.",
            "tool_ids": [tool.id],
            "knowledge_base": [{"type": "text", "id": document.id, "name": "hours"}],
        }
        made = convai.agents.create(
            name="Front", conversation_config={"agent": {"first_message": "Hello.", "prompt": prompt}}, tags=["a", "b"]
        )
        agent = convai.agents.get(made.agent_id)
        assert agent.conversation_config.agent.prompt.tool_ids == [tool.id]
        assert agent.conversation_config.tts.agent_output_audio_format == "pcm_16000"
        changed = convai.agents.update(made.agent_id, conversation_config={"tts": {"speed": 1.1}}, tags=["b"])
        assert (changed.conversation_config.tts.speed, changed.tags) == (1.1, ["b"])
        assert changed.conversation_config.agent.first_message == "Hello."

        index = convai.knowledge_base.document.compute_rag_index(document.id, model="multilingual_e5_large_instruct")
        seen = [index.status]
        while seen[-1] != "succeeded":
            index = convai.knowledge_base.document.compute_rag_index(
                document.id, model="multilingual_e5_large_instruct"
            )
            seen.append(index.status)
        assert seen == ["created", "processing", "succeeded"]

        with pytest.raises(ApiError) as refused:
            convai.tools.delete(tool.id)
        assert (refused.value.status_code, refused.value.body["detail"]["code"]) == (409, "tool_in_use")
        assert [one.id for one in convai.tools.get_dependent_agents(tool.id).agents] == [made.agent_id]
        with pytest.raises(ApiError):
            convai.knowledge_base.documents.delete(document.id)
        convai.knowledge_base.documents.delete(document.id, force=True)
        convai.tools.delete(tool.id, force=True)
        left = convai.agents.get(made.agent_id).conversation_config.agent.prompt
        assert (left.tool_ids, left.knowledge_base) == ([], [])
        convai.agents.delete(made.agent_id)
        with pytest.raises(ApiError) as gone:
            convai.agents.get(made.agent_id)
        assert gone.value.status_code == 404

    await told(story)


async def test_pages_are_walked_to_the_end():
    def story(client: ElevenLabs) -> None:
        convai = client.conversational_ai
        for number in range(5):
            convai.tools.create(request={"tool_config": tool_config(f"tool_{number}")})
        names, cursor = [], None
        while True:
            page = convai.tools.list(page_size=2, cursor=cursor, sort_by="name", sort_direction="asc")
            names += [tool.tool_config.name for tool in page.tools]
            cursor = page.next_cursor
            if not page.has_more:
                break
        assert names == [f"tool_{number}" for number in range(5)]
        assert [agent.agent_id for agent in convai.agents.list(page_size=1).agents] == ["agent_sandbox_desk"]

    await told(story)


async def test_documents_of_every_kind():
    def story(client: ElevenLabs) -> None:
        documents = client.conversational_ai.knowledge_base.documents
        page = documents.create_from_url(url="https://example.com/menu", name="menu")
        file = documents.create_from_file(file=("parking.txt", b"Parking is free.", "text/plain"))
        assert file.name == "parking.txt"
        assert documents.get_content(file.id) == "Parking is free."
        assert documents.get(page.id).type == "url"
        listed = client.conversational_ai.knowledge_base.list(types=["file"])
        assert [one.name for one in listed.documents] == ["parking.txt"]
        assert documents.update(file.id, name="parking").name == "parking"

    await told(story)


async def test_the_rest_of_an_account():
    def story(client: ElevenLabs) -> None:
        convai = client.conversational_ai
        secret = convai.secrets.create(name="s", value="v")
        assert [one.name for one in convai.secrets.list().secrets] == ["s"]
        convai.secrets.delete(secret.secret_id)
        number = convai.phone_numbers.create(
            request={"provider": "twilio", "phone_number": "+15550100009", "label": "n", "sid": "AC1", "token": "t"}
        )
        call = convai.twilio.outbound_call(
            agent_id="agent_sandbox_desk", agent_phone_number_id=number.phone_number_id, to_number="+15550100001"
        )
        assert call.success
        assert call.call_sid
        found = convai.conversations.get(call.conversation_id)
        assert (found.status, found.metadata.phone_call.call_sid) == ("initiated", call.call_sid)
        assert client.user.get().subscription.tier == "sandbox"
        timed = client.text_to_speech.convert_with_timestamps(
            "EXAVITQu4vr4xnSDxMaL", text="Hi.", output_format="ulaw_8000"
        )
        assert timed.alignment.characters == list("Hi.")
        pieces = list(
            client.text_to_speech.stream_with_timestamps(
                "EXAVITQu4vr4xnSDxMaL", text="Hello there, and welcome.", output_format="ulaw_8000"
            )
        )
        spoken = [sign for one in pieces if one.alignment for sign in one.alignment.characters]
        assert "".join(spoken) == "Hello there, and welcome."
        assert client.voices.settings.get("EXAVITQu4vr4xnSDxMaL").speed == 1.0

    await told(story)


async def test_an_agent_made_by_rest_can_be_talked_to_and_leaves_a_conversation():
    async with served() as server:
        account = server.runner.app[ACCOUNT]
        with httpx.Client() as http:
            client = ElevenLabs(api_key="any", base_url=str(server.make_url("")).rstrip("/"), httpx_client=http)
            convai = client.conversational_ai
            config = {
                "agent": {"first_message": "Hola.", "language": "es"},
                "asr": {"user_input_audio_format": "ulaw_8000"},
                "tts": {"model_id": "eleven_flash_v2_5", "agent_output_audio_format": "ulaw_8000"},
            }
            overrides = {"conversation_config_override": {"agent": {"first_message": True}}}
            made = await asyncio.to_thread(
                convai.agents.create, conversation_config=config, platform_settings={"overrides": overrides}
            )
            async with dialled(server, made.agent_id) as caller:
                await caller.begin(**QUIET)
                await caller.send(type="user_message", text="adiós")
                await caller.until("agent_response")
            while next(iter(account.conversations.documents()))["status"] != "done":
                await asyncio.sleep(0.02)
            page = await asyncio.to_thread(convai.conversations.list, agent_id=made.agent_id)
            found = await asyncio.to_thread(convai.conversations.get, page.conversations[0].conversation_id)
    assert found.transcript[0].message == "adiós"
    assert found.metadata.main_language == "es"


async def test_speech_on_a_socket():
    def story(client: ElevenLabs) -> bytes:
        speech = client.text_to_speech
        speech._ws_base_url = str(speech._raw_client._client_wrapper.get_base_url()).replace("http", "ws")
        texts = iter(["There is a table for you, ", "at eight o'clock."])
        return b"".join(
            speech.convert_realtime(
                "EXAVITQu4vr4xnSDxMaL", text=texts, output_format="ulaw_8000", model_id="eleven_flash_v2_5"
            )
        )

    assert len(await told(story)) > 8000
