"""Agents of the vendor: what a call depends on, and which requests the methods make."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ivr_bridge.elevenlabs.rest.agents import Agent, Agents, AgentSummary
from ivr_bridge.elevenlabs.rest.request import Repeat, spelled
from ivr_bridge.errors import VendorFailed, VendorRejected
from tests.elevenlabs.fixtures import fixture
from tests.support.openapi import operation_of, problems_of
from tests.support.openapi_examples import smallest, some
from tests.support.vendor_answers import VendorAnswers


async def read(answer: Any) -> Agent:
    return await Agents(VendorAnswers(answer).transport).get("agent_1")


async def test_what_a_call_depends_on_is_read():
    vendor = VendorAnswers(fixture("agent.json"))
    agent = await Agents(vendor.transport).get("agent/1")
    assert vendor.asked == [("GET /v1/convai/agents/agent%2F1", {})]
    assert vendor.max_ages_s == [0], "a plan compares with what is there now"
    assert (agent.agent_id, agent.name, agent.language) == ("agent_1", "Front desk", "en")
    assert agent.first_message == "Welcome to the desk, how can I help?"
    assert (agent.voice_id, agent.model_id) == ("voice_1", "eleven_flash_v2_5")
    assert agent.voice_settings == {"stability": 0.5, "similarity_boost": 0.8, "speed": 1.0}
    assert (agent.input_format, agent.output_format) == ("ulaw_8000", "ulaw_8000")
    assert agent.allowed_overrides == {
        "agent.first_message",
        "agent.prompt.prompt",
        "conversation.text_only",
        "custom_llm_extra_body",
    }
    assert agent.client_events[:2] == ("conversation_initiation_metadata", "ping")
    assert agent.has_variables is False


async def test_a_version_and_a_branch_may_be_asked_for():
    vendor = VendorAnswers(fixture("agent.json"))
    await Agents(vendor.transport).get("a", version_id="v1", branch_id="b1", max_age_s=60)
    assert vendor.asked == [("GET /v1/convai/agents/a", {"version_id": "v1", "branch_id": "b1"})]
    assert vendor.max_ages_s == [60]


async def test_who_tries_again_by_themselves_asks_once():
    vendor = VendorAnswers({"agents": []}, fixture("agent.json"))
    agents = Agents(vendor.transport)
    assert [agent async for agent in agents.list(repeat=Repeat.NEVER, timeout_s=2)] == []
    await agents.get("a", repeat=Repeat.NEVER, timeout_s=2)
    assert [(request.repeat, request.timeout_s) for request in vendor.requests] == [(Repeat.NEVER, 2)] * 2


async def test_a_first_message_with_a_variable_is_noticed():
    answer = fixture("agent.json")
    answer["conversation_config"]["agent"]["first_message"] = "Hello {{ caller_name }}"
    assert (await read(answer)).has_variables is True


async def test_pitfall_17_an_empty_first_message_is_empty_and_not_missing():
    answer = fixture("agent.json")
    for first_message in ("", None):
        answer["conversation_config"]["agent"]["first_message"] = first_message
        assert (await read(answer)).first_message == ""


async def test_missing_and_unknown_fields_are_borne():
    config = {"new": 1, "tts": None, "conversation": {"client_events": "x"}}
    agent = await read({"agent_id": "a", "conversation_config": config, "language": "not the agent's", "newer": 2})
    assert agent.first_message == agent.voice_id == agent.language == ""
    assert (agent.input_format, agent.output_format) == ("pcm_16000", "pcm_16000")
    assert agent.allowed_overrides == frozenset()
    assert agent.client_events == ()
    assert agent.voice_settings == {}
    assert agent.conversation_config == config, "the document is kept whole"
    assert agent.model_extra is not None
    assert agent.model_extra["newer"] == 2


@pytest.mark.parametrize("answer", [None, [], {}, {"agent_id": "x"}, {"agent_id": "x", "conversation_config": []}, "x"])
async def test_an_answer_without_an_agent(answer: object):
    with pytest.raises(VendorFailed, match="GET /v1/convai/agents/agent_1"):
        await read(answer)


async def test_the_list_goes_on_page_by_page():
    vendor = VendorAnswers(
        {"agents": [{"agent_id": "a", "name": "A", "tags": ["t"]}], "next_cursor": "c1", "has_more": True},
        {"agents": [{"agent_id": "b", "archived": True, "new": 1}], "next_cursor": None, "has_more": False},
    )
    agents = [agent async for agent in Agents(vendor.transport).list(search="x", archived=False, page_size=2)]
    assert [(agent.agent_id, agent.name, agent.tags, agent.archived) for agent in agents] == [
        ("a", "A", ("t",), False),
        ("b", "", (), True),
    ]
    asked = {"page_size": 2, "search": "x", "archived": False}
    assert [query for _, query in vendor.asked] == [asked, {**asked, "cursor": "c1"}]


@pytest.mark.parametrize("answer", [None, [], {}, {"agents": {}}, {"agents": [{"no": "id"}]}])
async def test_an_answer_without_a_list(answer: object):
    with pytest.raises(VendorFailed):
        [agent async for agent in Agents(VendorAnswers(answer).transport).list()]


async def test_what_makes_an_agent_is_sent_once():
    document = {"name": "Desk", "conversation_config": {}}
    vendor = VendorAnswers({"agent_id": "new"})
    agents = Agents(vendor.transport)
    assert await agents.create(document) == "new"
    assert await agents.duplicate("a/b", name="Copy") == "new"
    assert await agents.duplicate("a") == "new"
    assert [what for what, _ in vendor.asked] == [
        "POST /v1/convai/agents/create",
        "POST /v1/convai/agents/a%2Fb/duplicate",
        "POST /v1/convai/agents/a/duplicate",
    ]
    assert vendor.bodies == [document, {"name": "Copy"}, {}]
    assert {request.repeat for request in vendor.requests} == {Repeat.UNSENT}


async def test_a_change_is_sent_safely_and_what_was_remembered_is_forgotten():
    vendor = VendorAnswers(fixture("agent.json"))
    agents = Agents(vendor.transport)
    assert (await agents.update("agent_1", {"name": "New"}, branch_id="b")).name == "Front desk"
    await agents.delete("agent_1")
    await agents.delete("agent_1", force=True)
    path = "/v1/convai/agents/agent_1"
    assert vendor.asked == [
        (f"PATCH {path}", {"branch_id": "b"}),
        (f"DELETE {path}", {}),
        (f"DELETE {path}", {"force": True}),
    ]
    assert vendor.bodies == [{"name": "New"}, None, None]
    assert {request.repeat for request in vendor.requests} == {Repeat.SAFE}
    assert vendor.forgotten == [path] * 3


async def test_a_change_that_fails_may_have_happened_so_it_is_forgotten_too():
    vendor = VendorAnswers(VendorRejected("no", status=404))
    for change in (Agents(vendor.transport).update("a", {}), Agents(vendor.transport).delete("a")):
        with pytest.raises(VendorRejected):
            await change
    assert vendor.forgotten == ["/v1/convai/agents/a"] * 2


async def listed(agents: Agents) -> list[AgentSummary]:
    found = agents.list(
        search="x", archived=False, created_by_user_id="@me", sort_by="name", sort_direction="asc", page_size=100
    )
    return [agent async for agent in found]


DOCUMENT = {"name": "Desk", "tags": ["t"], "conversation_config": {"agent": {"first_message": "Hi."}}}

ASKS: dict[str, Callable[[Agents], Awaitable[Any]]] = {
    "GET /v1/convai/agents/{agent_id}": lambda agents: agents.get("a", version_id="v", branch_id="b"),
    "POST /v1/convai/agents/create": lambda agents: agents.create(DOCUMENT),
    "PATCH /v1/convai/agents/{agent_id}": lambda agents: agents.update("a", DOCUMENT, branch_id="b"),
    "DELETE /v1/convai/agents/{agent_id}": lambda agents: agents.delete("a"),
    "POST /v1/convai/agents/{agent_id}/duplicate": lambda agents: agents.duplicate("a", name="Copy"),
    "GET /v1/convai/agents": listed,
}


@pytest.mark.parametrize("operation", ASKS)
async def test_requests_and_answers_are_of_the_vendors_contract(operation: str):
    known = operation_of(*operation.replace("{agent_id}", "a").split(" "))
    assert known is not None
    assert str(known) == operation
    _, schema = known.answer
    for answer in [smallest(schema), *some(schema, 20, seed=1)]:
        if isinstance(answer, dict) and "next_cursor" in answer:
            answer["has_more"] = False
        vendor = VendorAnswers(answer)
        await ASKS[operation](Agents(vendor.transport))
        (request,) = vendor.requests
        assert problems_of(request.method, request.path, spelled(request.query), request.json) == []
