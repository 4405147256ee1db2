"""One story told to two sandboxes, with our REST client and with the vendor's own library: the same requests.

Each makes things, finds them, joins them, and deletes them; what the sandbox makes up (ids) is replaced by its number.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from aiohttp.test_utils import TestServer
from elevenlabs.client import AsyncElevenLabs

from ivr_bridge.elevenlabs.rest.client import ElevenLabsAPIClient
from ivr_bridge.simulator.service.app import REQUEST_LOG, build_service
from ivr_bridge.simulator.service.request_log import FormFile, RequestLog, RestCall
from tests.support.rest_agent_calls import TOOL

CONFIG: dict[str, Any] = {
    "agent": {"first_message": "Hello", "language": "en", "prompt": {"prompt": "Be brief."}},
    "tts": {"model_id": "eleven_flash_v2_5", "agent_output_audio_format": "ulaw_8000"},
}
TEXT = "We are open from nine to five, Monday to Friday. " * 30
MODEL = "multilingual_e5_large_instruct"
VOICE = "EXAVITQu4vr4xnSDxMaL"


@asynccontextmanager
async def sandbox() -> AsyncIterator[tuple[str, RequestLog]]:
    server = TestServer(build_service(key="sk_test"))
    await server.start_server()
    try:
        yield str(server.make_url("")).rstrip("/"), server.app[REQUEST_LOG]
    finally:
        await server.close()


async def told_by_ours(client: ElevenLabsAPIClient, file: Path) -> list[str]:
    """The ids, in the order in which they were made."""
    tool = await client.tools.create(TOOL)
    assert [found.id async for found in client.tools.list(search=tool.name)] == [tool.id]
    text = await client.knowledge_base.create_from_text(TEXT, name="Hours")
    upload = await client.knowledge_base.create_from_file(file, name="Guide")
    index = await client.knowledge_base.start_index(text.id, MODEL)
    assert index.model == MODEL
    known = [{"type": "text", "id": text.id, "name": "Hours", "usage_mode": "auto"}]
    prompt = {"prompt": "Be brief.", "tool_ids": [tool.id], "knowledge_base": known}
    agent_id = await client.agents.create({"name": "Desk", "conversation_config": CONFIG, "tags": ["ours"]})
    agent = await client.agents.update(agent_id, {"conversation_config": {"agent": {"prompt": prompt}}})
    assert agent.conversation_config["agent"]["prompt"]["tool_ids"] == [tool.id]
    assert (await client.agents.get(agent_id)).name == "Desk"
    users = [user.id async for user in client.knowledge_base.dependent_agents(text.id, page_size=30)]
    assert users == [user.id async for user in client.tools.dependent_agents(tool.id, page_size=30)] == [agent_id]
    copy_id = await client.agents.duplicate(agent_id, name="Copy")
    secret = await client.secrets.create("crm", "hunter2")
    assert (await client.voices.get(VOICE)).gender == "female"
    audio = await client.text_to_speech.convert(voice_id=VOICE, text="Hi.", output_format="ulaw_8000")
    assert len(audio) > 800
    await client.secrets.delete(secret.secret_id)
    for made in (copy_id, agent_id):
        await client.agents.delete(made)
    for document in (text, upload):
        await client.knowledge_base.delete(document.id, force=True)
    await client.tools.delete(tool.id)
    assert [found async for found in client.tools.list(search=tool.name)] == []
    return [tool.id, text.id, upload.id, agent_id, copy_id, secret.secret_id]


async def told_by_theirs(sdk: AsyncElevenLabs, file: Path) -> list[str]:
    """The same, with the vendor's library."""
    ai = sdk.conversational_ai
    documents = ai.knowledge_base.documents
    tool = await ai.tools.create(request={"tool_config": TOOL})  # type: ignore[arg-type]
    assert [found.id for found in (await ai.tools.list(search=TOOL["name"], page_size=100)).tools] == [tool.id]
    text = await documents.create_from_text(text=TEXT, name="Hours")
    upload = await documents.create_from_file(file=(file.name, file.read_bytes(), "text/markdown"), name="Guide")
    await ai.knowledge_base.document.compute_rag_index(text.id, model=MODEL)
    known = [{"type": "text", "id": text.id, "name": "Hours", "usage_mode": "auto"}]
    prompt = {"prompt": "Be brief.", "tool_ids": [tool.id], "knowledge_base": known}
    agent = await ai.agents.create(name="Desk", conversation_config=CONFIG, tags=["ours"])  # type: ignore[arg-type]
    await ai.agents.update(agent.agent_id, conversation_config={"agent": {"prompt": prompt}})  # type: ignore[arg-type]
    assert (await ai.agents.get(agent.agent_id)).name == "Desk"
    await documents.get_agents(text.id, page_size=30)
    await ai.tools.get_dependent_agents(tool.id, page_size=30)
    copy = await ai.agents.duplicate(agent.agent_id, name="Copy")
    secret = await ai.secrets.create(name="crm", value="hunter2")
    assert (await sdk.voices.get(VOICE)).name
    speech = sdk.text_to_speech.convert(VOICE, text="Hi.", model_id="eleven_flash_v2_5", output_format="ulaw_8000")
    assert sum([len(piece) async for piece in speech]) > 800
    await ai.secrets.delete(secret.secret_id)
    for made in (copy, agent):
        await ai.agents.delete(made.agent_id)
    for document in (text, upload):
        await documents.delete(document.id, force=True)
    await ai.tools.delete(tool.id)
    assert (await ai.tools.list(search=TOOL["name"], page_size=100)).tools == []
    return [tool.id, text.id, upload.id, agent.agent_id, copy.agent_id, secret.secret_id]


def plain(call: RestCall, ids: list[str]) -> str:
    """All that a request said, with the numbers of the ids in their place."""
    form = None
    if call.form is not None:
        form = {
            name: [part.filename, part.content_type, part.content.decode()] if isinstance(part, FormFile) else part
            for name, part in call.form.items()
        }
    said = json.dumps([call.method, call.path, sorted(call.query), call.json, form, call.key], sort_keys=True)
    for number, made in enumerate(ids):
        said = said.replace(made, f"<{number}>")
    return said


async def test_the_same_story_makes_the_same_requests(tmp_path: Path):
    file = tmp_path / "guide.md"
    file.write_text("# Guide\n" + TEXT)
    async with sandbox() as (url, log), ElevenLabsAPIClient(url, "sk_test") as client:
        ids = await told_by_ours(client, file)
        ours = [plain(call, ids) for call in log.calls]
    async with sandbox() as (url, log), httpx.AsyncClient() as http:
        ids = await told_by_theirs(AsyncElevenLabs(api_key="sk_test", base_url=url, httpx_client=http), file)
        theirs = [plain(call, ids) for call in log.calls]
    assert ours == theirs
    assert len(ours) > 20
    assert all("hunter2" not in said for said in ours if "/secrets" not in said)
