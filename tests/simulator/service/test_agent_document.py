from typing import Any

import pytest

from ivr_bridge.simulator.service.account import Account
from ivr_bridge.simulator.service.agent_document import (
    agent_of,
    check_body,
    check_whole,
    complete,
    dependents,
    read_agent,
    release,
    summary_of,
)
from ivr_bridge.simulator.service.agent_rest import fill
from ivr_bridge.simulator.service.agents import AGENTS
from ivr_bridge.simulator.service.refusals import Invalid, Refusal

META = {"agent_id": "a", "name": "A", "metadata": {"created_at_unix_secs": 1, "updated_at_unix_secs": 1}}


def whole(**config: Any) -> dict[str, Any]:
    return complete({**META, "conversation_config": config})


def test_what_is_not_said_has_its_default():
    document = whole(agent={"first_message": "Hi", "prompt": None}, tts={"speed": None})
    config = document["conversation_config"]
    assert config["agent"]["first_message"] == "Hi"
    assert config["agent"]["prompt"]["tool_ids"] == []
    assert config["tts"]["speed"] == 1.0
    assert config["tts"]["agent_output_audio_format"] == "pcm_16000"
    assert document["platform_settings"]["auth"]["enable_auth"] is False
    check_whole(document)


def test_a_preset_that_is_null_is_gone():
    document = whole(language_presets={"es": {"overrides": {}}, "zh": None})
    assert list(document["conversation_config"]["language_presets"]) == ["es"]


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"tts": {"agent_output_audio_format": "mp3"}}, "enum"),
        ({"asr": {"user_input_audio_format": "alaw_8000"}}, "enum"),
        ({"tts": {"model_id": "eleven_v9"}}, "enum"),
        ({"tts": {"speed": 1.3}}, "less_than_equal"),
        ({"tts": {"stability": "x"}}, "less_than_equal"),
        ({"conversation": {"client_events": ["shout"]}}, "enum"),
        ({"agent": {"language": "es"}}, "input_invalid"),
    ],
)
def test_what_cannot_be_an_agent(config: dict[str, Any], code: str):
    with pytest.raises(Refusal) as refused:
        check_whole(whole(**config))
    assert refused.value.code == code


def test_spanish_with_the_right_model():
    check_whole(whole(agent={"language": "es"}, tts={"model_id": "eleven_flash_v2_5"}))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "missing"),
        ({"conversation_config": []}, "dict_type"),
        ({"conversation_config": {"tts": 1}}, "dict_type"),
        ({"conversation_config": {}, "name": 1}, "string_type"),
        ({"conversation_config": {}, "tags": [1]}, "string_type"),
        ({"conversation_config": {"agent": {"prompt": {"tool_ids": ["x"]}}}}, "tool_not_found"),
        ({"conversation_config": {"agent": {"prompt": {"knowledge_base": [{}]}}}}, "missing"),
        (
            {
                "conversation_config": {
                    "agent": {"prompt": {"knowledge_base": [{"id": "x", "type": "url", "name": ""}]}}
                }
            },
            "document_not_found",
        ),
    ],
)
def test_bodies_that_are_refused(body: dict[str, Any], code: str):
    with pytest.raises(Refusal) as refused:
        check_body(body, Account(), creates=True)
    assert refused.value.code == code


def test_a_change_may_say_little():
    assert check_body({"name": "B", "unknown": 1}, Account(), creates=False) == {"name": "B"}
    with pytest.raises(Invalid):
        check_body({"tags": "x"}, Account(), creates=False)


def test_what_a_conversation_reads():
    document = whole(
        agent={
            "first_message": "Hi {{who}}",
            "language": "es",
            "prompt": {"prompt": "Be kind.", "tool_ids": ["t", "gone"], "built_in_tools": {"language_detection": {}}},
        },
        asr={"user_input_audio_format": "ulaw_8000"},
        tts={"voice_id": "v", "agent_output_audio_format": "pcm_24000"},
        conversation={"client_events": ["audio"], "max_duration_seconds": 60},
        language_presets={
            "en": {"overrides": {"agent": {"first_message": "Hello"}, "tts": {"voice_id": "w"}}},
            "zh": {"overrides": {}, "first_message_translation": {"text": "你好"}},
            "fr": {"overrides": {}},
        },
    )
    document["platform_settings"]["auth"]["enable_auth"] = True
    override = {"agent": {"first_message": True, "prompt": {"prompt": True}}, "tts": {"voice_id": False}}
    document["platform_settings"]["overrides"]["conversation_config_override"] = override
    agent = read_agent(document, {"t": {"type": "client", "name": "lookup"}, "u": {"type": "client", "name": "other"}})
    assert (agent.agent_id, agent.name, agent.first_message, agent.language) == ("a", "A", "Hi {{who}}", "es")
    assert (agent.voice_id, agent.output_format, agent.input_format) == ("v", "pcm_24000", "ulaw_8000")
    assert (agent.private, agent.overrides) == (True, {"agent.first_message", "agent.prompt.prompt"})
    assert agent.presets == {"en": "Hello", "zh": "你好", "fr": "Hi {{who}}"}
    assert agent.preset_voices == {"en": "w"}
    assert agent.languages == ("es", "en", "zh", "fr")
    assert (agent.tools, agent.client_events, agent.max_duration_s) == ({"lookup"}, {"audio"}, 60.0)
    assert agent.prompt == "Be kind."


def test_built_in_agents_come_back_as_they_are():
    account = Account()
    fill(account, "ulaw_8000", "ulaw_8000")
    for agent in AGENTS.values():
        assert agent_of(account, agent.agent_id) == agent
    assert agent_of(account, "nobody") is None


def test_who_uses_what():
    account = Account()
    account.tools.put("t", {"id": "t", "tool_config": {"type": "client", "name": "lookup"}})
    account.agents.put("a", whole(agent={"prompt": {"tool_ids": ["t"], "knowledge_base": [{"id": "d"}]}}))
    account.agents.put("b", {**whole(), "agent_id": "b"})
    assert [one["id"] for one in dependents(account, "tool_ids", "t")] == ["a"]
    assert [one["id"] for one in dependents(account, "knowledge_base", "d")] == ["a"]
    release(account, "knowledge_base", "d")
    assert dependents(account, "knowledge_base", "d") == []
    assert [one["id"] for one in dependents(account, "tool_ids", "t")] == ["a"]
    assert summary_of(account.agents.documents()[0], 7)["last_call_time_unix_secs"] == 7
