from typing import Any

import pytest

from ivr_bridge.elevenlabs.rest.agents import AgentEntry, get_agent, list_agents
from ivr_bridge.errors import VendorFailed
from tests.elevenlabs.fixtures import fixture
from tests.support.vendor_answers import VendorAnswers


async def _agent(answer: Any) -> Any:
    return await get_agent(VendorAnswers(answer).client, "agent_1")


async def test_what_a_call_depends_on_is_read():
    vendor = VendorAnswers(fixture("agent.json"))
    agent = await get_agent(vendor.client, "agent/1")
    assert vendor.asked == [("/v1/convai/agents/agent%2F1", {})]
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


async def test_a_first_message_with_a_variable_is_noticed():
    answer = fixture("agent.json")
    answer["conversation_config"]["agent"]["first_message"] = "Hello {{ caller_name }}"
    assert (await _agent(answer)).has_variables is True


async def test_pitfall_17_an_empty_first_message_is_empty_and_not_missing():
    answer = fixture("agent.json")
    for first_message in ("", None):
        answer["conversation_config"]["agent"]["first_message"] = first_message
        assert (await _agent(answer)).first_message == ""


async def test_missing_and_unknown_fields_are_borne():
    agent = await _agent({"conversation_config": {"new": 1, "tts": None, "conversation": {"client_events": "x"}}})
    assert agent.agent_id == "agent_1"
    assert agent.first_message == agent.voice_id == agent.language == ""
    assert (agent.input_format, agent.output_format) == ("pcm_16000", "pcm_16000")
    assert agent.allowed_overrides == frozenset()
    assert agent.client_events == ()
    assert agent.voice_settings == {}


@pytest.mark.parametrize("answer", [None, [], {}, {"agent_id": "x"}, {"conversation_config": []}, "x"])
async def test_an_answer_without_an_agent(answer: object):
    with pytest.raises(VendorFailed):
        await _agent(answer)


async def test_the_list_goes_on_page_by_page():
    vendor = VendorAnswers(
        {"agents": [{"agent_id": "a", "name": "A"}, {"no": "id"}, 3], "next_cursor": "c1", "has_more": True},
        {"agents": [{"agent_id": "b", "archived": True}], "next_cursor": None, "has_more": False},
    )
    assert await list_agents(vendor.client) == [AgentEntry("a", "A", False), AgentEntry("b", "", True)]
    assert [query["cursor"] for _, query in vendor.asked] == [None, "c1"]


async def test_a_list_that_never_ends_is_left():
    class Endless(VendorAnswers):
        async def get_json(self, path: str, **_: Any) -> Any:
            self.asked.append((path, {}))
            return {"agents": [], "next_cursor": "again"}

    vendor = Endless()
    assert await list_agents(vendor.client) == []
    assert len(vendor.asked) == 50


@pytest.mark.parametrize("answer", [None, [], {}, {"agents": {}}])
async def test_an_answer_without_a_list(answer: object):
    with pytest.raises(VendorFailed):
        await list_agents(VendorAnswers(answer).client)
