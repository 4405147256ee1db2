import ast
import json
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ivr_bridge.agents import service as service_module
from ivr_bridge.agents.blocking import Blocking
from ivr_bridge.agents.loop_thread import LoopThread
from ivr_bridge.agents.service import Agent, ElevenLabsService, page_document, text_document
from ivr_bridge.elevenlabs.conversation.client import ElevenLabsConversation
from ivr_bridge.errors import ConfigError, LocalProtocolError, VendorRejected
from ivr_bridge.settings import read_settings
from tests.support.server_process import ROOT, RunningProcess, clean_env
from tests.support.vendor_account import VendorAccount, vendor_account

TOOL = {
    "type": "client",
    "name": "book_table",
    "description": "Books a table.",
    "parameters": {"type": "object", "properties": {"people": {"type": "integer", "description": "how many"}}},
}


@pytest.fixture
async def vendor() -> AsyncIterator[VendorAccount]:
    async with vendor_account() as vendor:
        vendor.clear()
        yield vendor


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "agents" / "prompts").mkdir(parents=True)
    (tmp_path / "agents" / "prompts" / "desk.md").write_text("You are the desk of ${house}.")
    (tmp_path / "knowledge").mkdir()
    return tmp_path


@pytest.fixture
def service(vendor: VendorAccount, config: Path) -> ElevenLabsService:
    return ElevenLabsService(vendor.client, read_settings({}, config_dir=config))


async def test_an_agent_from_its_making_to_its_end(vendor: VendorAccount, service: ElevenLabsService):
    prompt = {"template": "desk", "variables": {"house": "Harbour"}}
    agent_id = await service.create_agent(Agent(name="Desk", system_prompt=prompt, tools=["end_call", TOOL]))
    there = await service.get_agent(agent_id)
    assert (there.name, there.first_message, there.output_format) == ("Desk", "Hello, how can I help you?", "ulaw_8000")
    assert vendor.prompt_of(agent_id)["prompt"] == "You are the desk of Harbour."
    assert vendor.prompt_of(agent_id)["built_in_tools"]["end_call"]["name"] == "end_call"
    (tool_id,) = vendor.prompt_of(agent_id)["tool_ids"]
    assert (vendor.account.tools.get(tool_id) or {})["tool_config"]["name"] == "book_table"
    after = await service.update_agent(agent_id, Agent(name="Front desk", first_message="Good day."))
    assert (after.name, after.first_message) == ("Front desk", "Good day.")
    assert vendor.prompt_of(agent_id)["prompt"] == "You are the desk of Harbour."
    assert vendor.prompt_of(agent_id)["tool_ids"] == [tool_id]
    await service.delete_agent(agent_id)
    assert agent_id not in vendor.account.agents
    with pytest.raises(VendorRejected):
        await service.delete_agent(agent_id)


async def test_a_tool_that_is_there_already_is_used(vendor: VendorAccount, service: ElevenLabsService):
    first = await service.create_agent(Agent(name="A", tools=[TOOL]))
    second = await service.create_agent(Agent(name="B", tools=[TOOL, "book_table"]))
    assert vendor.prompt_of(first)["tool_ids"] == vendor.prompt_of(second)["tool_ids"]
    assert len(vendor.account.tools) == 1
    await service.create_agent(Agent(name="C", tools=[{**TOOL, "description": "Books another table."}]))
    assert len(vendor.account.tools) == 2
    with pytest.raises(ConfigError, match="are both called 'book_table'"):
        await service.create_agent(Agent(name="D", tools=["book_table"]))


async def test_tools_are_changed_only_when_they_are_given(vendor: VendorAccount, service: ElevenLabsService):
    agent_id = await service.create_agent(Agent(name="A", tools=[TOOL, "end_call"]))
    await service.update_agent(agent_id, Agent(name="A", tools=[]))
    assert vendor.prompt_of(agent_id)["tool_ids"] == []
    assert vendor.prompt_of(agent_id)["built_in_tools"].get("end_call") is None


async def test_a_tool_that_nobody_knows(vendor: VendorAccount, service: ElevenLabsService):
    with pytest.raises(ConfigError, match=r"there is no 'fly'; there are: .*end_call"):
        await service.create_agent(Agent(name="A", tools=["fly"]))
    assert list(vendor.account.agents) == []


async def test_what_was_read_before_stands_in_while_the_vendor_fails(vendor: VendorAccount, service: ElevenLabsService):
    agent_id = await service.create_agent(Agent(name="Desk"))
    assert (await service.get_agent(agent_id)).name == "Desk"

    async def fail(_: web.Request) -> web.Response:
        return web.Response(status=503)

    vendor.answers[f"GET /v1/convai/agents/{agent_id}"] = fail
    assert (await service.get_agent(agent_id, max_age_s=0.000001)).name == "Desk"


async def test_what_one_agent_knows(vendor: VendorAccount, service: ElevenLabsService, tmp_path: Path):
    book = tmp_path / "book.txt"
    book.write_text("A short book.")
    agent_id, other = await service.create_agent(Agent(name="A")), await service.create_agent(Agent(name="B"))
    sources = [book, text_document("hours", "At nine."), page_document("site", "https://example.org", "prompt")]
    report = await service.sync_knowledge_base(agent_id, sources)
    assert report.made == ["book", "hours", "site"]
    assert [name.rpartition(":")[0] for name in vendor.known_by(agent_id)] == [
        f"ivr-bridge/{agent_id}:{name}" for name in ("book", "hours", "site")
    ]
    assert vendor.known_by(other) == []
    await service.sync_knowledge_base(other, [book])
    report = await service.sync_knowledge_base(agent_id, [text_document("hours", "At ten.")])
    assert (report.updated, len(report.removed)) == (["hours"], 3)
    assert len(vendor.known_by(agent_id)) == len(vendor.known_by(other)) == 1
    await service.delete_agent(agent_id)
    assert vendor.documents == vendor.known_by(other)


async def test_documents_of_an_agent_that_is_deleted_already(vendor: VendorAccount, service: ElevenLabsService):
    agent_id = await service.create_agent(Agent(name="A"))
    await service.sync_knowledge_base(agent_id, [text_document("hours", "At nine.")])
    vendor.account.agents.remove(agent_id)
    await service.delete_agent(agent_id)
    assert vendor.documents == []


async def test_the_configured_knowledge(vendor: VendorAccount, service: ElevenLabsService, config: Path):
    (config / "knowledge" / "prices.md").write_text("One euro.")
    (config / "agents" / "desk.yaml").write_text(
        "name: Desk\nprompt: Be.\nfirst_message: {en: Hello}\nknowledge: [prices]\n"
    )
    vendor.put_agent("agent_desk", tags=("ivr-bridge:desk",))
    report = await service.sync_knowledge_base()
    assert (report.made, report.agents) == (["prices"], ["desk"])
    assert vendor.known_by("agent_desk") == vendor.documents
    report = await service.sync_knowledge_base("agent_desk")
    assert report.made == ["prices"]
    assert len(vendor.known_by("agent_desk")) == 2


async def test_sources_that_do_not_fit(service: ElevenLabsService):
    with pytest.raises(LocalProtocolError, match="whose are the sources"):
        await service.sync_knowledge_base(None, [])
    with pytest.raises(ConfigError, match="hours is there twice"):
        await service.sync_knowledge_base("x", [text_document("hours", "a"), text_document("hours", "b")])


async def test_templates(service: ElevenLabsService):
    assert {name: each.variables for name, each in (await service.prompt_templates()).items()} == {"desk": ("house",)}


async def test_a_conversation_has_the_services_client(vendor: VendorAccount, service: ElevenLabsService):
    agent_id = await service.create_agent(Agent(name="A"))
    conversation = service.create_conversation(agent_id=agent_id)
    assert isinstance(conversation, ElevenLabsConversation)
    await conversation.start_session()
    assert conversation.conversation_id
    await conversation.end_session()
    async with service:  # a client that was given stays open
        pass
    assert (await service.get_agent(agent_id)).name == "A"


async def test_it_reads_the_environment_and_closes_what_it_made(vendor: VendorAccount, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ELEVENLABS_BASE_URL", vendor.url)
    monkeypatch.setenv("ELEVENLABS_API_KEY", "key")
    monkeypatch.setenv("PORT", "none of ours")
    async with ElevenLabsService() as service:
        assert service.client.base_url == vendor.url
        assert await service.create_agent(Agent(name="A"))


# --- the blocking form


@pytest.fixture
def far_vendor() -> Iterator[VendorAccount]:
    thread = LoopThread("vendor")
    try:
        with thread.enter(vendor_account()) as vendor:
            yield vendor
    finally:
        thread.close()


def test_the_blocking_form_of_the_service(far_vendor: VendorAccount):
    settings = read_settings(
        {"ELEVENLABS_BASE_URL": far_vendor.url, "ELEVENLABS_API_KEY": "k"}, elevenlabs_agent_id="-"
    )
    with Blocking(lambda: ElevenLabsService(settings=settings)) as service:
        agent_id = service.create_agent(Agent(name="A"))
        assert service.get_agent(agent_id).name == "A"
        assert agent_id in [each.agent_id for each in service.client.agents.list()]
        with pytest.raises(ConfigError):
            service.create_agent(Agent(name="A", tools=["fly"]))
        conversation = service.create_conversation(agent_id)
        conversation.start_session()
        assert conversation.conversation_id
        conversation.end_session()
        service.delete_agent(agent_id)


def test_each_function_is_one_of_the_services_methods():
    for name in ("create_agent", "update_agent", "get_agent", "delete_agent", "sync_knowledge_base"):
        method, function = getattr(ElevenLabsService, name), getattr(service_module, name)
        assert (function.__name__, function.__doc__) == (name, method.__doc__)


FIRST_EXAMPLE = """
from app.services.elevenlabs import create_agent
from app.models.schemas import Agent

agent = Agent(
    name="Restaurant Agent",
    system_prompt={...},
    tools=[...],
    voice_id="voice_id"
)

agent_id = create_agent(agent)
"""
SECOND_EXAMPLE = """
from app.services.elevenlabs import create_conversation

# Create a conversation
conversation = create_conversation(
    agent_id="agent_id",
    audio_interface=audio_interface,
    on_tool_use=on_tool_use,
    on_agent_response=on_agent_response,
    on_user_transcript=on_user_transcript
)

# Start the conversation
await conversation.start_session()

# End the conversation
await conversation.end_session()
"""
"""Both as they are written in the description that this service goes back to."""

PROGRAM = """
import asyncio, json
told = []
class Silence:
    def start(self, input_callback): self.hear = input_callback
    def stop(self): told.append("stop")
    def output(self, audio): told.append("audio"); sounded.set()
    def interrupt(self): pass
audio_interface, on_tool_use = Silence(), lambda name, parameters: None
on_user_transcript, heard, sounded = told.append, asyncio.Event(), asyncio.Event()
def on_agent_response(text):
    told.append(text)
    heard.set()
async def main():
{examples}
    print(json.dumps({{"agent_id": agent_id, "told": told}}))
asyncio.run(main())
"""


def examples() -> str:
    imported = "from ivr_bridge.agents.service import"
    text = FIRST_EXAMPLE + SECOND_EXAMPLE.replace(
        "# End the conversation",
        "await asyncio.wait_for(asyncio.gather(heard.wait(), sounded.wait()), 40)\n# End the conversation",
    )
    for module in ("app.services.elevenlabs", "app.models.schemas"):
        text = text.replace(f"from {module} import", imported)
    return PROGRAM.format(examples=textwrap.indent(text, "    "))


def test_the_examples_work_as_they_are_written(far_vendor: VendorAccount, tmp_path: Path):
    ast.parse(examples())
    document: Any = far_vendor.account.agents.get("agent_sandbox_desk")
    far_vendor.account.agents.put("agent_id", {**document, "agent_id": "agent_id"})
    env = clean_env(ELEVENLABS_BASE_URL=far_vendor.url, ELEVENLABS_API_KEY="key", PYTHONPATH=str(ROOT))
    command = (sys.executable, "-W", "ignore::DeprecationWarning", "-c")
    process = RunningProcess(examples(), env=env, command=command, cwd=tmp_path)
    assert (process.wait(), process.errors) == (0, [])
    said = json.loads(process.lines[-1])
    made = far_vendor.account.agents.get(said["agent_id"])
    assert made is not None
    assert (made["name"], made["conversation_config"]["tts"]["voice_id"]) == ("Restaurant Agent", "voice_id")
    assert {"audio", "stop"} < set(said["told"])
