from typing import Any

import pytest

from ivr_bridge.agents.found import Found, FoundAgent, FoundTool, found_agent, our_names, read_found
from ivr_bridge.agents.marks import document_name, tag_of
from ivr_bridge.elevenlabs.rest.agents import Agent
from tests.agents.fake_account import FakeAccount
from tests.agents.house import carry_out, plan_for


async def test_only_what_is_ours_is_read() -> None:
    account = FakeAccount()
    await carry_out(account, await plan_for(account))
    account.agent_documents["agent_foreign"] = {"name": "x", "conversation_config": {}, "tags": ["theirs"]}
    account.tool_configs["tool_foreign"] = {"type": "webhook", "name": "crm"}
    account.documents = {
        "doc_1": {"name": document_name("prices", "0123456789ab"), "type": "file"},
        "doc_2": {"name": "By hand", "type": "text"},
    }
    account.requests.clear()
    told: list[str] = []
    found = await read_found(account, knowledge=True, progress=told.append)  # type: ignore[arg-type]
    assert [(agent.agent_id, agent.names) for agent in found.agents] == [("agent_003", ("desk",))]
    assert [tool.tool_id for tool in found.tools] == ["tool_001", "tool_002", "tool_foreign"]
    assert [tool.users for tool in found.tools] == [("agent_003",), ("agent_003",), ()]
    assert [document.document_id for document in found.documents] == ["doc_1"]
    assert account.changes == []
    assert "LIST users of tool tool_foreign" not in account.requests
    assert "reading agent desk" in told
    account.requests.clear()
    await read_found(account, knowledge=False)  # type: ignore[arg-type]
    assert "LIST documents" not in account.requests


def test_a_tool_by_its_id() -> None:
    tool = FoundTool("tool_1", {"type": "client", "name": "x"})
    found = Found(tools=(tool,))
    assert found.tool("tool_1") is tool
    assert found.tool("tool_2") is None
    assert (tool.name, tool.is_client_tool, tool.mark) == ("x", True, None)
    assert FoundTool("tool_2", {}).name == ""


@pytest.mark.parametrize(
    "document", [{}, {"conversation_config": None}, {"conversation_config": {"agent": {"prompt": []}}}]
)
def test_a_document_may_lack_anything(document: dict[str, Any]) -> None:
    agent = FoundAgent("agent_1", (), document)
    assert (agent.prompt, agent.tool_ids, agent.inline_tools, agent.knowledge) == ({}, (), (), ())


def test_an_agent_of_the_rest_api() -> None:
    prompt = {"tool_ids": ["tool_1"], "knowledge_base": [{"id": "doc_1"}], "tools": [{"name": "x"}]}
    answer = Agent(agent_id="agent_1", tags=("x", tag_of("desk")), conversation_config={"agent": {"prompt": prompt}})
    agent = found_agent(answer)
    assert (agent.agent_id, agent.names, agent.tool_ids) == ("agent_1", ("desk",), ("tool_1",))
    assert (agent.knowledge, agent.inline_tools) == (({"id": "doc_1"},), ({"name": "x"},))
    assert our_names(None) == ()
